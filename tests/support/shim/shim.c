/*
 * A preloaded library that stands in for the kernel: it answers the calls that load and remove modules, logs
 * their arguments, and makes opening or reading chosen files fail.
 *
 * OXMOD_SHIM names a script. Each line consists of fields separated by single spaces:
 *
 *     log PATH                    the file that calls are appended to, one per line
 *     module HASH NAME            the name to log for an image with this hash (64-bit FNV-1a, in hex)
 *     answer CALL SUBJECT ERRNO   CALL: finit, init, delete; SUBJECT: a name, #N for the Nth such call, or *
 *     open PATH ERRNO
 *     read PATH ERRNO
 *
 * The first matching answer applies; without a match the call succeeds. No module call reaches the kernel.
 * state.c adds lines that make modules appear in /sys/module, uevent.c one that delivers uevents. The script
 * is written by tests/support/src/shim.rs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One line of the script, split into its fields. */
struct line {
	char *word, *fields[3];
};

static struct line script[4096];
static size_t lines;

/* Aborts if there is no script: without one, the tests would call the real kernel. */
__attribute__((constructor)) static void read_script(void)
{
	static char text[1 << 20];
	const char *path = getenv("OXMOD_SHIM");
	int fd = path ? REAL(open)(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t len = fd < 0 ? -1 : REAL(read)(fd, text, sizeof(text) - 1);
	char *rest, *line;

	if (len < 0 || len == sizeof(text) - 1)
		abort();
	REAL(close)(fd);
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct line *entry = &script[lines++];
		char *fields;

		if (lines == sizeof(script) / sizeof(script[0]))
			abort();
		entry->word = strtok_r(line, " ", &fields);
		for (int i = 0; i < 3; i++)
			entry->fields[i] = strtok_r(NULL, " ", &fields);
	}
}

/* Returns the first line with this keyword and first field; NULL matches any first field. */
static const struct line *find(const char *word, const char *first)
{
	for (size_t i = 0; i < lines; i++)
		if (!strcmp(script[i].word, word) && (!first || !strcmp(script[i].fields[0], first)))
			return &script[i];
	return NULL;
}

static int with_state(const char *call, const char *subject, int verdict);

/* Logs the call and returns 0, or -1 with errno set. */
static int answer(const char *call, int number, const char *subject, const char *details)
{
	const struct line *log = find("log", NULL);
	char selector[16], entry[1 << 16];
	int verdict = 0, fd;

	snprintf(selector, sizeof(selector), "#%d", number);
	for (size_t i = 0; i < lines; i++) {
		char **fields = script[i].fields;

		if (strcmp(script[i].word, "answer") || strcmp(fields[0], call))
			continue;
		if (!strcmp(fields[1], "*") || !strcmp(fields[1], selector) || !strcmp(fields[1], subject)) {
			verdict = atoi(fields[2]);
			break;
		}
	}
	verdict = with_state(call, subject, verdict);
	snprintf(entry, sizeof(entry), "%s %s %s = %d\n", call, subject, details, verdict);
	fd = REAL(open)(log->fields[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || REAL(write)(fd, entry, strlen(entry)) != (ssize_t)strlen(entry))
		abort();
	REAL(close)(fd);
	if (verdict)
		errno = verdict;
	return verdict ? -1 : 0;
}

/* Stores the name of an image: its name in the script, or its size and hash. */
static void name_of(const unsigned char *image, size_t len, char *name, size_t room)
{
	uint64_t hash = 0xcbf29ce484222325u;
	const struct line *known;
	char text[17];

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ image[i]) * 0x100000001b3u;
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
	known = find("module", text);
	if (known)
		snprintf(name, room, "%s", known->fields[1]);
	else
		snprintf(name, room, "%zu:%s", len, text);
}

static int finit(int fd, const char *parameters, int flags)
{
	static int number;
	char name[256], details[1 << 15];
	struct stat status;
	unsigned char *image;
	ssize_t len;

	if (fstat(fd, &status)) {
		errno = EBADF;
		return -1;
	}
	image = malloc((size_t)status.st_size + 1);
	len = image ? pread(fd, image, (size_t)status.st_size, 0) : -1;
	if (len < 0)
		abort();
	name_of(image, (size_t)len, name, sizeof(name));
	free(image);
	snprintf(details, sizeof(details), "\"%s\" %d", parameters, flags);
	return answer("finit", __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED), name, details);
}

EXPORT int init_module(void *image, unsigned long len, const char *parameters)
{
	static int number;
	char name[256], details[1 << 15];

	name_of(image, len, name, sizeof(name));
	snprintf(details, sizeof(details), "\"%s\"", parameters);
	return answer("init", __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED), name, details);
}

EXPORT int delete_module(const char *name, unsigned int flags)
{
	static int number;
	char details[32];

	snprintf(details, sizeof(details), "%#o", flags);
	return answer("delete", __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED), name, details);
}

EXPORT long syscall(long call, ...)
{
	long arguments[6];
	va_list list;

	va_start(list, call);
	for (int i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	switch (call) {
	case SYS_finit_module:
		return finit((int)arguments[0], (const char *)arguments[1], (int)arguments[2]);
	case SYS_init_module:
		return init_module((void *)arguments[0], (unsigned long)arguments[1], (const char *)arguments[2]);
	case SYS_delete_module:
		return delete_module((const char *)arguments[0], (unsigned int)arguments[1]);
	default:
		return REAL(syscall)(call, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
				     arguments[5]);
	}
}

/* Returns whether opening this path must fail, and sets errno if so. */
static int refused(const char *path)
{
	const struct line *line = find("open", path);

	if (line)
		errno = atoi(line->fields[1]);
	return line != NULL;
}

/* Returns whether reading from this descriptor must fail, and sets errno if so. */
static int unreadable(int fd)
{
	struct stat file, other;

	for (size_t i = 0; i < lines; i++)
		if (!strcmp(script[i].word, "read") && !fstat(fd, &file) && !stat(script[i].fields[0], &other) &&
		    file.st_dev == other.st_dev && file.st_ino == other.st_ino) {
			errno = atoi(script[i].fields[1]);
			return 1;
		}
	return 0;
}

static mode_t mode_in(int flags, va_list list)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

#define OPEN(name)                                                        \
	EXPORT int name(const char *path, int flags, ...)                 \
	{                                                                 \
		va_list list;                                             \
		mode_t mode;                                              \
                                                                          \
		va_start(list, flags);                                    \
		mode = mode_in(flags, list);                              \
		va_end(list);                                             \
		return refused(path) ? -1 : REAL(name)(path, flags, mode); \
	}

#define OPENAT(name)                                                              \
	EXPORT int name(int dir, const char *path, int flags, ...)                \
	{                                                                         \
		va_list list;                                                     \
		mode_t mode;                                                      \
                                                                                  \
		va_start(list, flags);                                            \
		mode = mode_in(flags, list);                                      \
		va_end(list);                                                     \
		return refused(path) ? -1 : REAL(name)(dir, path, flags, mode); \
	}

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

EXPORT ssize_t read(int fd, void *buffer, size_t len)
{
	return unreadable(fd) ? -1 : REAL(read)(fd, buffer, len);
}

/* stdio streams do not go through the functions above. */
static ssize_t read_stream(void *cookie, char *buffer, size_t len)
{
	return read((int)(intptr_t)cookie, buffer, len);
}

static int close_stream(void *cookie)
{
	return close((int)(intptr_t)cookie);
}

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	cookie_io_functions_t functions = { .read = read_stream, .close = close_stream };
	int fd;

	if (refused(path))
		return NULL;
	if (!find("read", path))
		return REAL(fopen64)(path, mode);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? NULL : fopencookie((void *)(intptr_t)fd, mode, functions);
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	return fopen64(path, mode);
}
