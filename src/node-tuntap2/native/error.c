/* Failed system calls. */
#include "tt.h"
#include <errno.h>
#include <unistd.h>

int tt_fail(struct tt_err *e, const char *call, int fd)
{
	e->no = errno;
	e->call = call;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* clang-format off */
#define E(name) { name, #name },

static const struct {
	int no;
	const char *name;
} names[] = {
	E(EPERM) E(ENOENT) E(ESRCH) E(EINTR) E(EIO) E(ENXIO) E(E2BIG) E(EBADF) E(EAGAIN) E(ENOMEM) E(EACCES) E(EFAULT)
	E(EBUSY) E(EEXIST) E(EXDEV) E(ENODEV) E(ENOTDIR) E(EISDIR) E(EINVAL) E(ENFILE) E(EMFILE) E(ENOTTY) E(EFBIG)
	E(ENOSPC) E(ESPIPE) E(EROFS) E(EPIPE) E(EDOM) E(ERANGE) E(EDEADLK) E(ENAMETOOLONG) E(ENOSYS) E(ELOOP)
	E(ENODATA) E(ETIME) E(EPROTO) E(EBADMSG) E(EOVERFLOW) E(EBADFD) E(EILSEQ) E(EUSERS) E(ENOTSOCK)
	E(EDESTADDRREQ) E(EMSGSIZE) E(EPROTOTYPE) E(ENOPROTOOPT) E(EPROTONOSUPPORT) E(ESOCKTNOSUPPORT) E(EOPNOTSUPP)
	E(EPFNOSUPPORT) E(EAFNOSUPPORT) E(EADDRINUSE) E(EADDRNOTAVAIL) E(ENETDOWN) E(ENETUNREACH) E(ENETRESET)
	E(ECONNABORTED) E(ECONNRESET) E(ENOBUFS) E(EISCONN) E(ENOTCONN) E(ETIMEDOUT) E(ECONNREFUSED) E(EHOSTDOWN)
	E(EHOSTUNREACH) E(EALREADY) E(EINPROGRESS) E(ESTALE) E(ECANCELED)
};
/* clang-format on */

const char *tt_errno_name(int no)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].no == no)
			return names[i].name;
	return "E?";
}
