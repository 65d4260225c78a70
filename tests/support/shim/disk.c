/*
 * A preloaded library that intercepts a program's file system calls: it counts and logs the calls that change
 * something on disk and, at a chosen call, kills the program or makes the call fail.
 *
 * OXMOD_DISK is "LOG FAULT N ERRNO". Calls are appended to the file LOG, one per line; they are numbered from 1. FAULT
 * is what happens at call N:
 *
 *     none   nothing
 *     kill   SIGKILL before the call
 *     tear   SIGKILL after half of the bytes have been written
 *     once   the call fails with ERRNO
 *     full   from call N on, calls that need space fail with ERRNO; if call N is a write, it writes half first
 *     dead   call N and all later calls fail with ERRNO
 *     slow   each rename sleeps for N milliseconds first
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char fault[8];
static int log_fd = -1, fault_at, fault_errno;
static atomic_int calls;

/* Aborts on an invalid setting: a test whose faults are silently not injected would prove nothing. */
__attribute__((constructor)) static void begin(void)
{
	const char *setting = getenv("OXMOD_DISK");
	char path[4096];

	if (!setting || sscanf(setting, "%4095s %7s %d %d", path, fault, &fault_at, &fault_errno) != 4)
		abort();
	log_fd = REAL(open64)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (log_fd < 0)
		abort();
}

/* Kills only this process: the program under test must not have children, which would inherit the count and log. */
static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/*
 * Counts and logs a call. Returns 0 if it must proceed, -1 if it must fail (errno is set), 1 if it is a write
 * that must write only half.
 */
static int count(const char *call, const char *subject, int needs_room)
{
	const char *slash = strrchr(subject, '/');
	int number = atomic_fetch_add(&calls, 1) + 1;
	char line[512];
	int len = snprintf(line, sizeof(line), "%s %s\n", call, slash ? slash + 1 : subject);

	if (!strcmp(fault, "kill") && number == fault_at)
		die();
	if (!strcmp(fault, "slow") && !strcmp(call, "rename"))
		usleep((useconds_t)fault_at * 1000);
	if (REAL(write)(log_fd, line, (size_t)len) != len)
		abort();
	errno = fault_errno;
	if (number < fault_at || !fault_at)
		return 0;
	if (!strcmp(fault, "dead"))
		return -1;
	if (!strcmp(fault, "full") && needs_room)
		return number == fault_at && !strcmp(call, "write") ? 1 : -1;
	if (number > fault_at)
		return 0;
	if (!strcmp(fault, "once"))
		return -1;
	return !strcmp(fault, "tear") && !strcmp(call, "write");
}

/* Stores the path of an open file; returns 0 for anything but a regular file or directory, which is not counted. */
static int on_disk(int fd, char *path, size_t room)
{
	struct stat status;
	char link[64];
	ssize_t len;

	if (fd <= 2 || fd == log_fd || fstat(fd, &status) || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, room - 1);
	path[len < 0 ? 0 : len] = '\0';
	return 1;
}

EXPORT ssize_t write(int fd, const void *bytes, size_t len)
{
	char path[4096];
	ssize_t half;

	if (!on_disk(fd, path, sizeof(path)))
		return REAL(write)(fd, bytes, len);
	switch (count("write", path, 1)) {
	case 0:
		return REAL(write)(fd, bytes, len);
	case -1:
		return -1;
	}
	half = REAL(write)(fd, bytes, len / 2);
	if (!strcmp(fault, "tear"))
		die();
	if (half)
		return half;
	errno = fault_errno;
	return -1;
}

#define OF_OPEN_FILE(name, call, parameters, arguments)                                    \
	EXPORT int name parameters                                                         \
	{                                                                                  \
		char path[4096];                                                           \
                                                                                           \
		return on_disk(fd, path, sizeof(path)) && count(call, path, 0) ? -1 :      \
									       REAL(name) arguments; \
	}

OF_OPEN_FILE(fsync, "fsync", (int fd), (fd))
OF_OPEN_FILE(fdatasync, "fsync", (int fd), (fd))
OF_OPEN_FILE(flock, "flock", (int fd, int operation), (fd, operation))

#define OF_PATH(name, call, subject, room, parameters, arguments)                \
	EXPORT int name parameters                                               \
	{                                                                        \
		return count(call, subject, room) ? -1 : REAL(name) arguments; \
	}

OF_PATH(rename, "rename", new_path, 0, (const char *old_path, const char *new_path), (old_path, new_path))
OF_PATH(unlink, "unlink", path, 0, (const char *path), (path))
OF_PATH(rmdir, "rmdir", path, 0, (const char *path), (path))
OF_PATH(unlinkat, "unlink", path, 0, (int dir, const char *path, int flags), (dir, path, flags))
OF_PATH(mkdir, "mkdir", path, 1, (const char *path, mode_t mode), (path, mode))

#define OPEN(name)                                                                                \
	EXPORT int name(const char *path, int flags, ...)                                         \
	{                                                                                         \
		va_list list;                                                                     \
		mode_t mode;                                                                      \
                                                                                                  \
		va_start(list, flags);                                                            \
		mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;                \
		va_end(list);                                                                     \
		return flags & O_CREAT && count("create", path, 1) ? -1 : REAL(name)(path, flags, mode); \
	}

OPEN(open)
OPEN(open64)
