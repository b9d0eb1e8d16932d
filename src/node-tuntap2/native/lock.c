/* One daemon in a network namespace: a lock on a file whose name holds the namespace's number. */
#include "lock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether the name still leads to what is open: its last holder may have removed it between our open and our lock. */
static bool current(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int tt_lock_open(const char *prefix, char *path, size_t room, int32_t *holder, struct tt_err *e)
{
	struct stat ns, st;

	*holder = 0;
	if (stat("/proc/self/ns/net", &ns) < 0)
		return tt_fail(e, "stat", -1);
	if ((size_t)snprintf(path, room, "%s.%llu.lock", prefix, (unsigned long long)ns.st_ino) >= room) {
		errno = ENAMETOOLONG;
		return tt_fail(e, "open", -1);
	}
	for (int tries = 0; tries < 10; tries++) {
		/* POSIX's own locks: a child does not inherit them, and the kernel knows whose they are. */
		struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

		if (fd < 0)
			return tt_fail(e, "open", -1);
		if (fstat(fd, &st) < 0)
			return tt_fail(e, "fstat", fd);
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
			errno = EPERM;
			return tt_fail(e, "open", fd);
		}
		if (fcntl(fd, F_SETLK, &want) == 0) {
			if (current(fd, path))
				return fd;
			close(fd);
			continue;
		}
		if (errno != EAGAIN && errno != EACCES)
			return tt_fail(e, "fcntl", fd);
		if (fcntl(fd, F_GETLK, &want) < 0)
			return tt_fail(e, "fcntl", fd);
		close(fd);
		if (want.l_type == F_UNLCK)
			continue; /* gone in between */
		*holder = want.l_pid;
		errno = EBUSY;
		return tt_fail(e, "fcntl", -1);
	}
	errno = EBUSY;
	return tt_fail(e, "fcntl", -1);
}
