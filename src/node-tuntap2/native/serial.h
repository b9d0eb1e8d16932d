/* Serial lines: real devices and ptys. */
#ifndef TT_SERIAL_H
#define TT_SERIAL_H
#include "tt.h"

enum tt_handshake { FLOW_NONE, FLOW_RTSCTS, FLOW_XONXOFF };
enum { SERIAL_CARRIER = 1, SERIAL_DSR = 2, SERIAL_CTS = 4, SERIAL_RING = 8 };

/*
 * Opens for us alone, raw, 8 bits, no parity, one stop bit; carrier is not waited for. `lock` (may be "") is an UUCP
 * lock file to make; one whose owner is gone is replaced, and none is made where its folder does not exist. -1 and *e:
 * EBUSY when somebody holds the line, ENOTTY for what is no line, EINVAL for a rate that the system does not have.
 */
int tt_serial_open(const char *path, const char *lock, uint32_t baud, enum tt_handshake flow, struct tt_err *e);
/* Modem lines, or -1 where there are none (ptys). */
int tt_serial_lines(int fd);
int tt_serial_dtr(int fd, bool on, struct tt_err *e);
int tt_serial_break(int fd, bool on, struct tt_err *e);
/* Bytes still in the kernel's output queue. */
int tt_serial_queued(int fd, struct tt_err *e);
/*
 * What is in either queue is thrown away, DTR drops, the settings are as before, the lock file is gone. Not the
 * descriptor's end.
 */
void tt_serial_release(int fd);

#endif
