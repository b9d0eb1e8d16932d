/* Signals, through a descriptor so that none is lost, and children. */
#include "proc.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const struct {
	int number;
	const char *name;
} names[] = { { SIGTERM, "SIGTERM" }, { SIGINT, "SIGINT" }, { SIGHUP, "SIGHUP" }, { SIGKILL, "SIGKILL" } };

static int number_of(const char *name)
{
	for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].number;
	return -1;
}

static void children(struct host *h)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		JSValue argv[2] = {
			JS_NewInt32(h->ctx, pid),
			JS_NewInt32(h->ctx, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status)),
		};

		host_callback(h, "onChild", 2, argv);
	}
}

static void signalled(void *opaque, uint32_t events)
{
	struct host *h = opaque;
	struct signalfd_siginfo si;

	(void)events;
	while (read(h->signals, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGCHLD) {
			children(h);
			continue;
		}
		for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
			JSValue name;

			if (names[i].number != (int)si.ssi_signo)
				continue;
			name = JS_NewString(h->ctx, names[i].name);
			host_callback(h, "onSignal", 1, &name);
		}
	}
}

/* The three signals of a daemon come to onSignal (true), or end the process as they do by default (false). */
static int listen_to(struct host *h, bool three)
{
	sigset_t daemon, want;
	int fd;

	sigemptyset(&daemon);
	sigaddset(&daemon, SIGTERM);
	sigaddset(&daemon, SIGINT);
	sigaddset(&daemon, SIGHUP);
	sigemptyset(&want);
	if (three)
		want = daemon;
	sigaddset(&want, SIGCHLD);
	sigprocmask(SIG_BLOCK, &want, NULL);
	fd = signalfd(h->signals, &want, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -1;
	if (!three)
		sigprocmask(SIG_UNBLOCK, &daemon, NULL);
	if (h->signals >= 0)
		return 0;
	h->signals = fd;
	return host_watch(h, fd, EPOLLIN, signalled, h) ? 0 : -1;
}

static JSValue proc_signals(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	return listen_to(host_of(ctx), JS_ToBool(ctx, argv[0])) < 0 ? host_failed(ctx, errno, "signalfd") :
								      JS_UNDEFINED;
}

static void let_go(JSContext *ctx, char **words)
{
	for (int i = 0; words && words[i]; i++)
		JS_FreeCString(ctx, words[i]);
	free(words);
}

static char **words_of(JSContext *ctx, JSValueConst list)
{
	JSValue length = JS_GetPropertyStr(ctx, list, "length");
	uint32_t n = 0;
	char **words;

	if (JS_ToUint32(ctx, &n, length) < 0 || n == 0 || n > 4096 || !(words = calloc(n + 1, sizeof *words))) {
		JS_ThrowRangeError(ctx, "spawn: no command");
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		JSValue v = JS_GetPropertyUint32(ctx, list, i);

		words[i] = (char *)(uintptr_t)JS_ToCString(ctx, v);
		JS_FreeValue(ctx, v);
		if (!words[i]) {
			let_go(ctx, words);
			return NULL;
		}
	}
	return words;
}

/* spawn(words): [pid, fd of its stdout and stderr]; its stdin is empty. onChild tells its end. */
static JSValue proc_spawn(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	struct host *h = host_of(ctx);
	char **words = words_of(ctx, argv[0]);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, pipes;
	JSValue r;
	pid_t pid;
	int fds[2], no;

	if (!words)
		return JS_EXCEPTION;
	if ((h->signals < 0 && listen_to(h, false) < 0) || pipe2(fds, O_CLOEXEC) < 0) {
		let_go(ctx, words);
		return host_failed(ctx, errno, "spawn");
	}
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipes);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fds[1], 1);
	posix_spawn_file_actions_adddup2(&files, fds[1], 2);
	no = posix_spawnp(&pid, words[0], &files, &attr, words, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	let_go(ctx, words);
	close(fds[1]);
	if (no) {
		close(fds[0]);
		return host_failed(ctx, no, "spawn");
	}
	r = JS_NewArray(ctx);
	JS_SetPropertyUint32(ctx, r, 0, JS_NewInt32(ctx, pid));
	JS_SetPropertyUint32(ctx, r, 1, JS_NewInt32(ctx, fds[0]));
	return r;
}

static JSValue proc_kill_child(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
	const char *name = JS_ToCString(ctx, argv[1]);
	int32_t pid;
	int number = number_of(name);

	JS_FreeCString(ctx, name);
	if (JS_ToInt32(ctx, &pid, argv[0]) < 0)
		return JS_EXCEPTION;
	if (pid > 0 && number > 0)
		kill(pid, number);
	return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
	JS_CFUNC_DEF("signals", 1, proc_signals),
	JS_CFUNC_DEF("spawn", 1, proc_spawn),
	JS_CFUNC_DEF("kill", 2, proc_kill_child),
};

void proc_add(struct host *h, JSValue sys)
{
	signal(SIGPIPE, SIG_IGN); /* a write says so itself */
	JS_SetPropertyFunctionList(h->ctx, sys, functions, sizeof functions / sizeof *functions);
}
