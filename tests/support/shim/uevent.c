/*
 * Kernel uevents, for scripts with this line:
 *
 *     events PATH                 a named pipe, each line of which is a message
 *
 * In such a line, `|` stands for a NUL byte. A line that begins with `!` is sent by a process instead of the
 * kernel. The line `lost` makes the call fail with ENOBUFS, as when the kernel has dropped messages.
 */

static int events = -1;

EXPORT int socket(int domain, int type, int protocol)
{
	const struct line *line = find("events", NULL);

	if (!line || domain != AF_NETLINK || protocol != NETLINK_KOBJECT_UEVENT)
		return REAL(socket)(domain, type, protocol);
	/* Opened for writing too, so that reading never reaches end of file. */
	events = REAL(open)(line->fields[0], O_RDWR | O_CLOEXEC | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0));
	return events;
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	const struct sockaddr_nl *mine = (const void *)address;

	if (fd != events || events < 0)
		return REAL(bind)(fd, address, len);
	if (mine->nl_family != AF_NETLINK || mine->nl_groups != 1)
		abort();
	return 0;
}

EXPORT ssize_t recvfrom(int fd, void *buffer, size_t room, int flags, struct sockaddr *address, socklen_t *len)
{
	struct sockaddr_nl sender = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	char *text = buffer;
	size_t filled = 0;

	if (fd != events || events < 0)
		return REAL(recvfrom)(fd, buffer, room, flags, address, len);
	for (char byte; filled < room; text[filled++] = byte == '|' ? 0 : byte) {
		ssize_t got = REAL(read)(fd, &byte, 1);

		if (got < 0 && filled == 0)
			return -1;
		if (got == 1 && byte == '\n')
			break;
		if (got != 1)
			abort();
	}
	if (filled == 4 && !memcmp(text, "lost", 4)) {
		errno = ENOBUFS;
		return -1;
	}
	if (filled && *text == '!') {
		sender.nl_pid = 1234;
		memmove(text, text + 1, --filled);
	}
	memcpy(address, &sender, sizeof(sender));
	*len = sizeof(sender);
	return (ssize_t)filled;
}
