/*
 * Module state, for scripts with these lines:
 *
 *     state MICROSECONDS          how long a module stays in state "coming" or "going"
 *     needs NAME OTHER            loading NAME fails (ENOENT) unless OTHER is live, and then holds OTHER
 *
 * Modules then appear in and disappear from /sys/module as in a real kernel. As in a real kernel, loading
 * fails if the module is already loaded (EEXIST) or if another thread's attempt to load it has just failed
 * (EBUSY), and removing fails while the module is in use.
 */

static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;

/* Stores the path of a module's file in /sys/module, or of its directory if `file` is empty. */
static const char *shown(char *path, size_t room, const char *name, const char *file)
{
	snprintf(path, room, "/sys/module/%s%s%s", name, *file ? "/" : "", file);
	return path;
}

static void put(const char *name, const char *file, const char *text)
{
	char path[512], half[512];
	int fd;

	/* Readers see either the old or the new contents. */
	shown(half, sizeof(half), name, ".new");
	fd = REAL(open)(half, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || REAL(write)(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	REAL(close)(fd);
	if (rename(half, shown(path, sizeof(path), name, file)))
		abort();
}

static int get(const char *name, const char *file, char *text, size_t room)
{
	char path[512];
	int fd = REAL(open)(shown(path, sizeof(path), name, file), O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : REAL(read)(fd, text, room - 1);

	if (fd >= 0)
		REAL(close)(fd);
	text[len < 0 ? 0 : len] = 0;
	return len >= 0;
}

static int is_live(const char *name)
{
	char text[16];

	return get(name, "initstate", text, sizeof(text)) && !strcmp(text, "live\n");
}

static int count(const char *name)
{
	char text[16];

	return get(name, "refcnt", text, sizeof(text)) ? atoi(text) : 0;
}

static void hold(const char *name, int change)
{
	char text[16];

	snprintf(text, sizeof(text), "%d\n", count(name) + change);
	put(name, "refcnt", text);
}

static void vanish(const char *name)
{
	static const char *const files[] = { "initstate", "refcnt", "coresize", "holders" };
	char path[512];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		remove(shown(path, sizeof(path), name, files[i]));
	remove(shown(path, sizeof(path), name, ""));
}

/* Returns the next module that this one needs, starting at line `at` of the script. */
static const char *next_need(const char *name, size_t *at)
{
	while (*at < lines) {
		const struct line *line = &script[(*at)++];

		if (!strcmp(line->word, "needs") && !strcmp(line->fields[0], name))
			return line->fields[1];
	}
	return NULL;
}

/* Another thread is loading the module: waits for the outcome and returns the errno for this call. */
static int answer_after(const char *name)
{
	char path[512];

	while (!access(shown(path, sizeof(path), name, ""), F_OK)) {
		if (is_live(name))
			return EEXIST;
		usleep(500);
	}
	return EBUSY;
}

static int come(const char *name, int verdict, int delay)
{
	const char *need;
	char path[512];
	size_t at = 0;

	pthread_mutex_lock(&tables);
	if (mkdir(shown(path, sizeof(path), name, ""), 0755)) {
		if (errno != EEXIST)
			abort();
		pthread_mutex_unlock(&tables);
		return answer_after(name);
	}
	put(name, "initstate", "coming\n");
	while (!verdict && (need = next_need(name, &at)))
		if (!is_live(need))
			verdict = ENOENT;
	pthread_mutex_unlock(&tables);
	usleep((useconds_t)delay);
	pthread_mutex_lock(&tables);
	for (at = 0; !verdict && (need = next_need(name, &at));)
		hold(need, 1);
	if (verdict) {
		vanish(name);
	} else {
		put(name, "refcnt", "0\n");
		put(name, "initstate", "live\n");
	}
	pthread_mutex_unlock(&tables);
	return verdict;
}

static int go(const char *name, int verdict, int delay)
{
	const char *need;
	size_t at = 0;

	pthread_mutex_lock(&tables);
	if (!verdict && !is_live(name))
		verdict = ENOENT;
	if (!verdict && count(name))
		verdict = EAGAIN;
	if (!verdict)
		put(name, "initstate", "going\n");
	pthread_mutex_unlock(&tables);
	if (verdict)
		return verdict;
	usleep((useconds_t)delay);
	pthread_mutex_lock(&tables);
	while ((need = next_need(name, &at)))
		hold(need, -1);
	vanish(name);
	pthread_mutex_unlock(&tables);
	return 0;
}

/* Returns the errno of the call given the state of the modules; `verdict` is the scripted errno. */
static int with_state(const char *call, const char *subject, int verdict)
{
	const struct line *state = find("state", NULL);
	const char *base = strrchr(subject, '/');
	char name[256];

	if (!state)
		return verdict;
	snprintf(name, sizeof(name), "%s", base ? base + 1 : subject + (*subject == '<'));
	name[strcspn(name, ".")] = 0;
	for (char *at = name; *at; at++)
		if (*at == '-')
			*at = '_';
	return (strcmp(call, "delete") ? come : go)(name, verdict, atoi(state->fields[0]));
}
