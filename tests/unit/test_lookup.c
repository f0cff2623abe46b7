/* Which files a command runs, which libraries it is linked to, what is mapped. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "source/discover.h"
#include "source/lookup.h"
#include "source/maps.h"
#include "source/needed.h"
#include "source/verdict.h"
#include "test.h"

static char directory[64];

static const char *in_directory(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void make(const char *name, const char *content, size_t len, mode_t mode)
{
	FILE *file = fopen(in_directory(name), "w");

	if (file) {
		fwrite(content, 1, len, file);
		fclose(file);
		chmod(in_directory(name), mode);
	}
}

static void begin(void)
{
	snprintf(directory, sizeof(directory), "/tmp/glasstap-unit-XXXXXX");
	if (mkdtemp(directory))
		setenv("PATH", directory, 1);
}

static void end(void)
{
	char command[128];

	setenv("PATH", "/usr/bin:/bin", 1);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	if (system(command))
		test_fail(__FILE__, __LINE__, "%s", command);
}

static void note(void *context, const char *path)
{
	struct buf *found = context;
	size_t len = strlen(directory);

	if (!strncmp(path, directory, len))
		buf_printf(found, "%s ", path + len + 1);
	else
		buf_printf(found, "%s ", path);
}

static const char *found_by(char *const *argv)
{
	static char text[1024];
	struct failure failure = {};
	struct buf found = {};
	int error = lookup_command((char **)argv, note, &found, &failure);

	if (error)
		snprintf(text, sizeof(text), "%s", failure.text);
	else
		snprintf(text, sizeof(text), "%.*s", (int)found.len, found.data);
	buf_free(&found);
	return text;
}

#define FINDS(wanted, ...) CHECK_STR(found_by((char *const[]){ __VA_ARGS__, NULL }), wanted)
#define MAKE(name, content, mode) make(name, content, sizeof(content) - 1, mode)

TEST(lookup_finds_what_execvp_would)
{
	char path[300];

	begin();
	MAKE("tool", "\177ELF", 0755);
	MAKE("data", "\177ELF", 0644);
	FINDS("tool ", "tool");
	snprintf(path, sizeof(path), "/nonexistent:%s", directory);
	setenv("PATH", path, 1);
	FINDS("tool ", "tool");
	FINDS("tool ", (char *)in_directory("tool"));
	FINDS("cannot run 'data': Permission denied", "data");
	FINDS("cannot run 'nothing': No such file or directory", "nothing");
	FINDS("cannot run '': No such file or directory", "");
	FINDS("cannot run '/': Permission denied", "/");
	end();
}

TEST(lookup_follows_scripts_and_env)
{
	char script[300];

	begin();
	MAKE("tool", "\177ELF", 0755);
	snprintf(script, sizeof(script), "#! %s/tool -x\nbody", directory);
	make("one", script, strlen(script), 0755);
	FINDS("one tool ", "one");
	snprintf(script, sizeof(script), "#!%s/one", directory);
	make("two", script, strlen(script), 0755);
	FINDS("two one tool ", "two");
	MAKE("env", "\177ELF", 0755);
	snprintf(script, sizeof(script), "#!%s/env -S A=b -i tool -y\n", directory);
	make("three", script, strlen(script), 0755);
	FINDS("three env tool ", "three");
	FINDS("env tool ", "env", "-i", "A=b", "tool", "arg");
	FINDS("env ", "env", "A=b");
	FINDS("env ", "env", "nothing");
	end();
}

TEST(lookup_takes_odd_scripts)
{
	char script[300];

	begin();
	MAKE("empty", "", 0755);
	FINDS("empty ", "empty");
	MAKE("short", "#!", 0755);
	FINDS("short ", "short");
	MAKE("blank", "#!   \n", 0755);
	FINDS("blank ", "blank");
	MAKE("nul", "#!\0/bin/sh\n", 0755);
	FINDS("nul ", "nul");
	memset(script, 'x', sizeof(script));
	memcpy(script, "#!/", 3);
	make("long", script, sizeof(script), 0755);
	CHECK(!strncmp(found_by((char *const[]){ "long", NULL }), "long /xxx", 9));
	/* A script that is its own interpreter does not go on for ever. */
	snprintf(script, sizeof(script), "#!%s/self\n", directory);
	make("self", script, strlen(script), 0755);
	FINDS("self self self self self self ", "self");
	end();
}

TEST(lookup_opens_regular_files_only)
{
	int fd;

	begin();
	mkfifo(in_directory("fifo"), 0600);
	CHECK_EQ(lookup_open(in_directory("fifo")), -1);
	CHECK_EQ(lookup_open("/dev/null"), -1);
	CHECK_EQ(lookup_open(directory), -1);
	CHECK_EQ(lookup_open(in_directory("nothing")), -1);
	MAKE("file", "x", 0600);
	fd = lookup_open(in_directory("file"));
	CHECK(fd >= 0);
	close(fd);
	end();
}

struct wanted {
	const char *name;
	int count;
};

static void count_path(void *context, const char *path)
{
	struct wanted *wanted = context;

	wanted->count += strstr(path, wanted->name) != NULL;
}

TEST(needed_names_each_library_once)
{
	struct wanted libc = { "/libc.so.6", 0 }, loader = { "/ld-linux", 0 }, none = { "", 0 };

	needed_each("/proc/self/exe", count_path, &libc);
	CHECK_EQ(libc.count, 1);
	needed_each("/proc/self/exe", count_path, &loader);
	CHECK_EQ(loader.count, 1);
	needed_each("/nonexistent", count_path, &none);
	needed_each("/etc/passwd", count_path, &none);
	CHECK_EQ(none.count, 0);
}

static int count_mapping(void *context, const struct mapping *mapping)
{
	struct wanted *wanted = context;
	struct stat status;
	int fd;

	if (!strstr(mapping->path, wanted->name))
		return 0;
	wanted->count++;
	CHECK_EQ(mapping_stat(mapping, &status), 0);
	fd = mapping_open(mapping);
	CHECK(fd >= 0);
	close(fd);
	return 0;
}

TEST(maps_name_each_file_of_code_once)
{
	struct wanted self = { "test_lookup", 0 }, libc = { "/libc.so.6", 0 };

	CHECK_EQ(maps_each(getpid(), count_mapping, &self), 0);
	CHECK_EQ(self.count, 1);
	CHECK_EQ(maps_each(getpid(), count_mapping, &libc), 0);
	CHECK_EQ(libc.count, 1);
	CHECK_EQ(maps_each(INT32_MAX, count_mapping, &libc), -ENOENT);
}

TEST(discover_says_what_is_no_program)
{
	struct discovery discovery;
	int fd;

	begin();
	MAKE("text", "no program", 0600);
	fd = lookup_open(in_directory("text"));
	discover(&discovery, fd);
	close(fd);
	CHECK(!discovery.elf && !discovery.go && !discovery.count && !discovery.library);
	CHECK(discovery.about[0]);
	CHECK(!discovery.unseen[0]);
	end();
}

TEST(discover_finds_openssl_3)
{
	void *library = dlopen("libcrypto.so.3", RTLD_NOW);
	struct discovery discovery;
	Dl_info info;
	int fd;

	if (!library || !dladdr(dlsym(library, "EVP_KDF_derive"), &info))
		SKIP("libcrypto.so.3 is not installed");
	fd = lookup_open(info.dli_fname);
	discover(&discovery, fd);
	close(fd);
	CHECK_STR(discovery.library, "OpenSSL 3");
	CHECK_STR(discovery.unseen, "");
	REQUIRE(discovery.count == 1);
	CHECK_EQ(discovery_probes(&discovery), 1);
	CHECK_EQ(discovery.sites[0].probed, PROBED_KDF);
	CHECK_STR(discovery.sites[0].function, "EVP_KDF_derive");
	CHECK_EQ((char *)info.dli_saddr - (char *)info.dli_fbase, discovery.sites[0].address);
	dlclose(library);
}

TEST(verdict_of_this_process)
{
	struct failure failure = {};
	struct verdict verdict;
	char why[700];

	REQUIRE(verdict_process(&verdict, getpid(), &failure) == 0);
	REQUIRE(verdict.count > 0);
	CHECK(verdict.files[0].program);
	CHECK(strstr(verdict.files[0].path, "test_lookup") != NULL);
	verdict_free(&verdict);
	CHECK_EQ(verdict_process(&verdict, INT32_MAX, &failure), -ENOENT);
	CHECK(strstr(failure.text, "there is no process 2147483647") != NULL);
	verdict_free(&verdict);
	verdict_why(INT32_MAX, NULL, why, sizeof(why));
	CHECK(strstr(why, "it has ended") != NULL);
	verdict_why(INT32_MAX, "/nonexistent/program", why, sizeof(why));
	CHECK(strstr(why, "it has ended") != NULL);
}

TEST_MAIN()
