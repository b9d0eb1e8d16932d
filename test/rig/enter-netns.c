/* LD_PRELOAD shim: opening /run/enter-netns/NAME... moves the calling thread into network namespace NAME, and fails.
 *
 * So one process of either runtime can hold two planes, each in a namespace of its own: the kernel's SAs, policies and
 * L2TP tunnels are per namespace, and a plane's sockets stay in the one they were opened in. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "/run/enter-netns/"

int open(const char *path, int flags, ...)
{
	static int (*real)(const char *, int, ...);
	char name[128];
	va_list ap;
	int mode, fd, r;

	va_start(ap, flags);
	mode = va_arg(ap, int);
	va_end(ap);
	if (!real)
		real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
		return real(path, flags, mode);
	snprintf(name, sizeof name, "/var/run/netns/%.*s", (int)strcspn(path + strlen(PREFIX), "."),
		 path + strlen(PREFIX));
	fd = real(name, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
	if (fd >= 0)
		close(fd);
	errno = r < 0 ? EPERM : ENOENT;
	return -1;
}
