/* A disk that can lose its power or run full, put under a process with LD_PRELOAD.
 *
 * Files below POWERCUT_DIR are watched. Whenever one of them is synced (fsync, fdatasync), its
 * content as of then is copied to POWERCUT_SYNCED: what a disk that lost its power would still
 * hold. While the first byte of the file POWERCUT_CONTROL is 1, every write to a watched file
 * fails with ENOSPC.
 *
 * A process that is forked rather than started calls powercut_begin once its environment is set.
 *
 * Built by tests/crash/disk.py: cc -shared -fPIC -O2 -o powercut.so powercut.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *watched_dir, *synced_dir;
static volatile unsigned char *control;
static pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off64_t);

static void watch(void) {
    watched_dir = getenv("POWERCUT_DIR");
    synced_dir = getenv("POWERCUT_SYNCED");
    const char *path = getenv("POWERCUT_CONTROL");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *page = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    if (page != MAP_FAILED) control = page;
    close(fd);
}

__attribute__((constructor)) static void begin(void) {
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    watch();
}

void powercut_begin(void) { watch(); }

/* Write the path below the watched directory to `name`; 0 when the file is not watched. */
static int is_watched(int fd, char name[PATH_MAX]) {
    char link[64], path[PATH_MAX];
    if (!watched_dir) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    size_t prefix = strlen(watched_dir);
    if (strncmp(path, watched_dir, prefix) || path[prefix] != '/') return 0;
    snprintf(name, PATH_MAX, "%s", path + prefix + 1);
    for (char *at = name; *at; at++)
        if (*at == '/') *at = '%';
    return 1;
}

static int is_full(int fd) {
    char name[PATH_MAX];
    return control && *control == 1 && is_watched(fd, name);
}

/* Copy what the file holds now, atomically: the copy is replaced whole or not at all. */
static void keep(int fd) {
    char name[PATH_MAX], fresh[PATH_MAX * 2], kept[PATH_MAX * 2], buffer[1 << 16];
    if (!synced_dir || !is_watched(fd, name)) return;
    snprintf(fresh, sizeof fresh, "%s/.%s.new", synced_dir, name);
    snprintf(kept, sizeof kept, "%s/%s", synced_dir, name);
    pthread_mutex_lock(&copying);
    int out = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int in = open(link, O_RDONLY | O_CLOEXEC);
    if (out >= 0 && in >= 0) {
        ssize_t count;
        while ((count = read(in, buffer, sizeof buffer)) > 0)
            if (real_write(out, buffer, count) != count) break;
        rename(fresh, kept);
    }
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    pthread_mutex_unlock(&copying);
}

static int no_space(void) {
    errno = ENOSPC;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    return is_full(fd) ? no_space() : real_write(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
    return is_full(fd) ? no_space() : real_pwrite(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
    return pwrite64(fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return is_full(fd) ? no_space() : real_writev(fd, parts, count);
}

int ftruncate64(int fd, off64_t size) {
    if (is_full(fd)) {
        struct stat64 now;
        if (!fstat64(fd, &now) && size > now.st_size) return no_space();
    }
    return real_ftruncate(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int fsync(int fd) {
    int answer = real_fsync(fd);
    if (!answer) keep(fd);
    return answer;
}

int fdatasync(int fd) {
    int answer = real_fdatasync(fd);
    if (!answer) keep(fd);
    return answer;
}
