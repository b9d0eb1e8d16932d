#include "fpio.h"
#include "io.h"

int fp_receive(struct tt_fp *fp, enum tt_origin origin, int fd, struct tt_ring *r, int *up, struct tt_err *e)
{
	static const uint32_t kinds[] = {
		[ORIGIN_UDP4500] = TT_K_UDP4500,
		[ORIGIN_RAW50] = TT_K_RAW50,
		[ORIGIN_UDP1701] = TT_K_UDP1701,
	};
	bool raw = origin == ORIGIN_RAW50;
	struct tt_err unsent; /* counted among the drops */
	int n = raw ? tt_read_raw(fd, r, e) : tt_read_udp(fd, r, e);

	*up = 0;
	if (n <= 0)
		return n;
	*up = fp_rx(fp, origin, r, (uint32_t)n);
	if (fp->answered)
		tt_write_socket(fd, r, (uint32_t)n, kinds[origin], raw, fp->drops, &unsent);
	return n;
}
