/* A C program at the same object, which does what it is told, line by line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv) {
    const char *name = argv[1];
    char line[256], word[200];
    if (argc < 2) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        int fd;
        char *base;
        struct stat stat;
        if (sscanf(line, "create %199s", word) == 1) {
            fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
            if (fd < 0 || ftruncate(fd, 5000)) return perror("create"), 1;
        } else if (sscanf(line, "write %199s", word) == 1) {
            fd = shm_open(name, O_RDWR, 0);
            if (fd < 0) return perror("open"), 1;
        } else if (!strncmp(line, "unlink", 6)) {
            puts(shm_unlink(name) ? "failed" : "unlinked");
            continue;
        } else {
            word[0] = 0;
            fd = shm_open(name, O_RDONLY, 0);
            if (fd < 0) {
                puts("missing");
                continue;
            }
        }
        if (fstat(fd, &stat)) return perror("fstat"), 1;
        base = mmap(NULL, stat.st_size, word[0] ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED) return perror("mmap"), 1;
        if (word[0]) strcpy(base, word);
        printf("%ld %s\n", (long)stat.st_size, base);
        munmap(base, stat.st_size);
        close(fd);
    }
    return 0;
}
