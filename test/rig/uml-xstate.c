/* LD_PRELOAD shim for Debian's /usr/bin/linux.uml (6.1).
 *
 * UML saves its processes' FP state in a fixed 2696-byte buffer. On a CPU with AMX the host's XSAVE image is bigger
 * (11008 bytes), and then PTRACE_SETREGSET(NT_X86_XSTATE) refuses the short image with EFAULT ("ptrace set fp regs
 * failed, errno = 14"). Pad the image to the host's size, and clear the state bits it has no room for (AMX tiles). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#define FITS 0x2ffULL /* x87 SSE AVX BNDREGS BNDCSR AVX512(3) PKRU: all below 2696 */

static char image[65536] __attribute__((aligned(64)));
static size_t host_size;
static long (*real)(long, long, void *, void *);

long ptrace(enum __ptrace_request request, ...)
{
	va_list ap;
	va_start(ap, request);
	long pid = va_arg(ap, long);
	void *addr = va_arg(ap, void *);
	void *data = va_arg(ap, void *);
	va_end(ap);
	if (!real)
		real = (long (*)(long, long, void *, void *))dlsym(RTLD_NEXT, "ptrace");
	if (request != PTRACE_SETREGSET || (long)addr != NT_X86_XSTATE)
		return real(request, pid, addr, data);

	struct iovec *in = data, full = { image, sizeof image };
	if (!host_size) {
		if (real(PTRACE_GETREGSET, pid, addr, &full) < 0)
			return -1;
		host_size = full.iov_len;
	}
	if (in->iov_len >= host_size)
		return real(request, pid, addr, data);
	memset(image + in->iov_len, 0, host_size - in->iov_len);
	memcpy(image, in->iov_base, in->iov_len);
	*(uint64_t *)(image + 512) &= FITS; /* XSTATE_BV */
	full.iov_len = host_size;
	return real(request, pid, addr, &full);
}
