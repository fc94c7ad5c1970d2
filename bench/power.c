/* Notes every change to the files of one folder, in order, as a disk would see them: preloaded by bench/power.py.

   CRASH_FOLDER  the folder; CRASH_TRACE  the file of the notes, elsewhere
   CRASH_FAIL    kind:number:errno, as in "fdatasync:3:5": that call of that kind, counted from 0, fails instead of
                 doing anything; with errno 0 the process ends there, as if killed

   A note: kind (1 byte), length of path (2), offset (8), length of data (4), path, data; little endian.
   Kinds: W write, T truncate (offset is the new size), S sync, C create, U unlink. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES 4096
static char *names[FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static const char *folder;
static char fail_kind[32];
static long fail_number = -1;
static int fail_errno;

__attribute__((constructor)) static void begin(void) {
    folder = getenv("CRASH_FOLDER");
    const char *path = getenv("CRASH_TRACE"), *fail = getenv("CRASH_FAIL");
    if (folder && path)
        trace = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fail && sscanf(fail, "%31[^:]:%ld:%d", fail_kind, &fail_number, &fail_errno) != 3)
        fail_number = -1;
}

static int ours(const char *path) {
    return trace >= 0 && path && strncmp(path, folder, strlen(folder)) == 0;
}

static void note(char kind, const char *path, uint64_t offset, const void *data, uint32_t size) {
    uint16_t length = strlen(path);
    char head[15];
    head[0] = kind;
    memcpy(head + 1, &length, 2);
    memcpy(head + 3, &offset, 8);
    memcpy(head + 11, &size, 4);
    pthread_mutex_lock(&lock);
    char *whole = malloc(sizeof head + length + size);
    memcpy(whole, head, sizeof head);
    memcpy(whole + sizeof head, path, length);
    if (size)
        memcpy(whole + sizeof head + length, data, size);
    syscall(SYS_write, trace, whole, sizeof head + length + size);
    free(whole);
    pthread_mutex_unlock(&lock);
}

/* Whether this call is the one that is to fail. */
static int fails(const char *kind) {
    if (fail_number < 0 || strcmp(kind, fail_kind))
        return 0;
    if (fail_number-- > 0)
        return 0;
    if (!fail_errno)
        _exit(9);
    errno = fail_errno;
    return 1;
}

static const char *name_of(int fd) {
    return fd >= 0 && fd < FILES ? names[fd] : NULL;
}

static int opened(int fd, const char *path, int there) {
    if (fd >= 0 && fd < FILES && ours(path)) {
        free(names[fd]);
        names[fd] = strdup(path);
        if (!there)
            note('C', path, 0, NULL, 0);
    }
    return fd;
}

static int is_there(const char *path) {
    struct stat found;
    return stat(path, &found) == 0;
}

#define OPENS(name)                                                         \
    int name(const char *path, int flags, ...) {                           \
        mode_t mode = 0;                                                    \
        if (flags & (O_CREAT | O_TMPFILE)) {                                \
            va_list rest;                                                   \
            va_start(rest, flags);                                          \
            mode = va_arg(rest, mode_t);                                    \
            va_end(rest);                                                   \
        }                                                                   \
        int there = ours(path) ? is_there(path) : 1;                        \
        int fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);          \
        return opened(fd, path, there);                                     \
    }
OPENS(open)
OPENS(open64)

int close(int fd) {
    if (name_of(fd)) {
        free(names[fd]);
        names[fd] = NULL;
    }
    return syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    const char *name = name_of(fd);
    if (name && fails("pwrite"))
        return -1;
    ssize_t done = syscall(SYS_pwrite64, fd, data, size, offset);
    if (name && done > 0)
        note('W', name, offset, data, done);
    return done;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    const char *name = name_of(fd);
    off_t offset = name ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = syscall(SYS_write, fd, data, size);
    if (name && done > 0)
        note('W', name, offset, data, done);
    return done;
}

int ftruncate64(int fd, off64_t size) {
    const char *name = name_of(fd);
    int done = syscall(SYS_ftruncate, fd, size);
    if (name && done == 0)
        note('T', name, size, NULL, 0);
    return done;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

static int synced(int fd, const char *kind, long call) {
    const char *name = name_of(fd);
    if (name && fails(kind))
        return -1;
    int done = syscall(call, fd);
    if (name && done == 0)
        note('S', name, 0, NULL, 0);
    return done;
}

int fsync(int fd) {
    return synced(fd, "fsync", SYS_fsync);
}

int fdatasync(int fd) {
    return synced(fd, "fdatasync", SYS_fdatasync);
}

int unlink(const char *path) {
    int done = syscall(SYS_unlink, path);
    if (done == 0 && ours(path))
        note('U', path, 0, NULL, 0);
    return done;
}
