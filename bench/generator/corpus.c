/* The corpus: for each object, in the order of the names file, a count and then that many length-prefixed envelopes.
 * Every integer is 4 bytes, big-endian.
 */
#include "load.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t total;

uint64_t corpus_total(void) { return total; }

static const unsigned char *map(const char *path, size_t *length)
{
    struct stat info;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &info) < 0 || info.st_size == 0)
        die("the corpus cannot be read");
    *length = (size_t)info.st_size;
    const unsigned char *data = mmap(NULL, *length, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        die("the corpus cannot be mapped");
    close(fd);
    return data;
}

static uint32_t word(const unsigned char **at, const unsigned char *end)
{
    if (end - *at < 4)
        die("the corpus is cut short");
    const unsigned char *p = *at;
    *at += 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void read_names(const char *path)
{
    char line[NAME + 2];
    FILE *file = fopen(path, "r");
    if (!file)
        die("the names cannot be read");
    for (int room = 0; fgets(line, sizeof line, file); object_count++) {
        if (line[NAME] != '\n')
            die("a name must be one UUID on a line");
        if (object_count == room) {
            room = room ? room * 2 : 256;
            objects = realloc(objects, (size_t)room * sizeof *objects);
            if (!objects)
                die("memory");
        }
        struct object *o = &objects[object_count];
        memset(o, 0, sizeof *o);
        memcpy(o->name, line, NAME);
        o->fd = -1;
    }
    fclose(file);
}

void corpus_load(const char *names, const char *corpus)
{
    size_t length;
    read_names(names);
    const unsigned char *at = map(corpus, &length), *end = at + length;
    for (int i = 0; i < object_count; i++) {
        struct object *o = &objects[i];
        o->count = word(&at, end);
        o->envelopes = calloc(o->count ? o->count : 1, sizeof *o->envelopes);
        if (!o->envelopes)
            die("memory");
        for (uint32_t k = 0; k < o->count; k++) {
            struct envelope *e = &o->envelopes[k];
            e->length = word(&at, end);
            if (e->length > (size_t)(end - at))
                die("the corpus is cut short");
            e->bytes = at;
            at += e->length;
        }
        total += o->count;
    }
    if (at != end)
        die("the corpus holds more than its names");
}
