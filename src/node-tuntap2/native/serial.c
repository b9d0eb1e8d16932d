#include "serial.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define LOCK_PATH 128

struct line { /* an open one */
	struct line *next;
	int fd;
	struct termios before;
	char lock[LOCK_PATH];
};
static struct line *lines;

static const struct {
	uint32_t baud;
	speed_t speed;
} rates[] = {
	{ 300, B300 },	       { 600, B600 },	    { 1200, B1200 },	 { 2400, B2400 },
	{ 4800, B4800 },       { 9600, B9600 },	    { 19200, B19200 },	 { 38400, B38400 },
	{ 57600, B57600 },     { 115200, B115200 }, { 230400, B230400 },
#ifdef B460800
	{ 460800, B460800 },
#endif
#ifdef B500000
	{ 500000, B500000 },
#endif
#ifdef B921600
	{ 921600, B921600 },
#endif
#ifdef B1000000
	{ 1000000, B1000000 },
#endif
#ifdef B1500000
	{ 1500000, B1500000 },
#endif
#ifdef B3000000
	{ 3000000, B3000000 },
#endif
};

static int fail(struct tt_err *e, const char *call)
{
	e->no = errno;
	e->call = call;
	return -1;
}

/*
 * The process that a lock file names (ten characters and a newline in the usual form), 0 when nobody can tell, -1 when
 * it is gone.
 */
static long owner(const char *path)
{
	char text[32] = "";
	/* The folder may be everybody's: opening a FIFO there must not wait for somebody who writes. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ssize_t n = -1;
	struct stat st;
	long pid;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return 0;
	pid = strtol(text, NULL, 10);
	if (pid <= 0)
		return 0;
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH ? -1 : pid;
}

static int lock(const char *path, struct tt_err *e)
{
	for (int tries = 0; tries < 2; tries++) {
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644), n;
		char text[16];

		if (fd >= 0) {
			n = snprintf(text, sizeof text, "%10ld\n", (long)getpid());
			if (write(fd, text, (size_t)n) != n) {
				fail(e, "write lock file");
				close(fd);
				unlink(path);
				return -1;
			}
			close(fd);
			return 0;
		}
		if (errno != EEXIST)
			return fail(e, "create lock file");
		if (owner(path) >= 0)
			break;
		unlink(path); /* left behind by one that is gone */
	}
	errno = EBUSY;
	return fail(e, "lock");
}

/* /dev/modem and /dev/serial/by-id/... are links: other programs lock what they lead to. */
static void lock_real(char into[LOCK_PATH], const char *path, const char *lock_path)
{
	const char *name = strstr(lock_path, "/LCK..");
	char *real = name ? realpath(path, NULL) : NULL;

	strcpy(into, lock_path);
	if (real && strncmp(real, "/dev/pts/", 9))
		snprintf(into, LOCK_PATH, "%.*s/LCK..%s", (int)(name - lock_path), lock_path, strrchr(real, '/') + 1);
	free(real);
}

static int configure(int fd, struct termios *t, uint32_t baud, enum tt_handshake flow)
{
	speed_t speed = B0;

	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
		if (rates[i].baud == baud)
			speed = rates[i].speed;
	if (speed == B0) {
		errno = EINVAL;
		return -1;
	}
	cfmakeraw(t);
	t->c_cflag &= ~(tcflag_t)(CSTOPB | CRTSCTS);
	t->c_cflag |= CREAD | CLOCAL | HUPCL; /* we look at carrier ourselves; the last close drops DTR */
	t->c_iflag &= ~(tcflag_t)(IXON | IXOFF | IXANY);
	t->c_iflag |= IGNBRK | IGNPAR;
	if (flow == FLOW_RTSCTS)
		t->c_cflag |= CRTSCTS;
	if (flow == FLOW_XONXOFF)
		t->c_iflag |= IXON | IXOFF;
	t->c_cc[VMIN] = 1;
	t->c_cc[VTIME] = 0;
	if (cfsetispeed(t, speed) < 0 || cfsetospeed(t, speed) < 0)
		return -1;
	return tcsetattr(fd, TCSANOW, t);
}

int tt_serial_open(const char *path, const char *lock_path, uint32_t baud, enum tt_handshake flow, struct tt_err *e)
{
	struct line *l = calloc(1, sizeof *l);
	struct termios t;
	int fd;

	if (!l || strlen(lock_path) >= sizeof l->lock) {
		free(l);
		errno = l ? ENAMETOOLONG : ENOMEM;
		return fail(e, "open");
	}
	lock_real(l->lock, path, lock_path);
	if (*l->lock && lock(l->lock, e) < 0) {
		if (e->no != ENOENT) {
			free(l);
			return -1;
		}
		*l->lock = 0; /* no folder for locks, so nobody here keeps them */
	}
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		fail(e, "open");
	} else if (tcgetattr(fd, &l->before) < 0) {
		fail(e, "tcgetattr");
	} else if (flock(fd, LOCK_EX | LOCK_NB) < 0) { /* others that ask so; TIOCEXCL keeps away those that do not */
		errno = errno == EWOULDBLOCK ? EBUSY : errno;
		fail(e, "flock");
	} else {
		t = l->before;
		if (configure(fd, &t, baud, flow) < 0) {
			fail(e, "tcsetattr");
			tcsetattr(fd, TCSANOW, &l->before);
		} else {
			ioctl(fd, TIOCEXCL);
			tcflush(fd, TCIOFLUSH);
			l->fd = fd;
			l->next = lines;
			lines = l;
			return fd;
		}
	}
	if (fd >= 0)
		close(fd);
	if (*l->lock)
		unlink(l->lock);
	free(l);
	return -1;
}

int tt_serial_lines(int fd)
{
	int bits;

	if (ioctl(fd, TIOCMGET, &bits) < 0)
		return -1;
	return (bits & TIOCM_CAR ? SERIAL_CARRIER : 0) | (bits & TIOCM_DSR ? SERIAL_DSR : 0) |
	       (bits & TIOCM_CTS ? SERIAL_CTS : 0) | (bits & TIOCM_RNG ? SERIAL_RING : 0);
}

int tt_serial_dtr(int fd, bool on, struct tt_err *e)
{
	int bit = TIOCM_DTR;

	/* A pty has no such wire. */
	if (ioctl(fd, on ? TIOCMBIS : TIOCMBIC, &bit) < 0 && errno != EINVAL && errno != ENOTTY)
		return fail(e, "TIOCMBIC");
	return 0;
}

int tt_serial_break(int fd, bool on, struct tt_err *e)
{
	if (ioctl(fd, on ? TIOCSBRK : TIOCCBRK) < 0 && errno != EINVAL && errno != ENOTTY)
		return fail(e, "TIOCSBRK");
	return 0;
}

int tt_serial_queued(int fd, struct tt_err *e)
{
	int n = 0;

	return ioctl(fd, TIOCOUTQ, &n) < 0 ? fail(e, "TIOCOUTQ") : n;
}

void tt_serial_release(int fd)
{
	struct tt_err e;

	for (struct line **at = &lines, *l; (l = *at); at = &l->next) {
		if (l->fd != fd)
			continue;
		tcflush(fd, TCIOFLUSH); /* otherwise the close waits for a line that does not move */
		tt_serial_dtr(fd, false, &e);
		tcsetattr(fd, TCSANOW, &l->before);
		ioctl(fd, TIOCNXCL);
		if (*l->lock)
			unlink(l->lock);
		*at = l->next;
		free(l);
		return;
	}
}
