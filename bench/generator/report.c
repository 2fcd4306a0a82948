/* What is written: one JSON line, the answers (to check their receipts), the times of every envelope. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

static FILE *answers;

static void put_be(FILE *file, uint64_t value, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        putc((int)(value >> shift & 255), file);
}

void report_open(void)
{
    if (options.answers[0] && !(answers = fopen(options.answers, "wb")))
        die("the file of answers cannot be written");
}

/* Object's number, envelope's number, length: 4 bytes each, big-endian; then the answer. */
void report_answer(const struct object *o, uint32_t index, const unsigned char *answer, uint32_t length)
{
    if (!answers)
        return;
    put_be(answers, (uint64_t)(o - objects), 4);
    put_be(answers, index, 4);
    put_be(answers, length, 4);
    fwrite(answer, 1, length, answers);
}

/* For every envelope of the corpus, in its order: published, acked, answered; ns in 8 bytes, big-endian, 0: never. */
static void write_events(void)
{
    FILE *file = fopen(options.events, "wb");
    if (!file)
        die("the file of times cannot be written");
    for (int i = 0; i < object_count; i++)
        for (uint32_t k = 0; k < objects[i].count; k++) {
            const struct envelope *e = &objects[i].envelopes[k];
            put_be(file, e->published, 8);
            put_be(file, e->acked, 8);
            put_be(file, e->answered, 8);
        }
    if (fclose(file))
        die("the file of times cannot be written");
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

struct series {
    uint64_t *ns;
    size_t count, inside; /* inside: before the end of the measured period */
};

static void add(struct series *s, uint64_t begin, uint64_t at, uint64_t end)
{
    if (!at)
        return;
    s->ns[s->count++] = at - begin;
    s->inside += at <= end;
}

static double quantile_ms(const struct series *s, double q)
{
    return s->count ? (double)s->ns[(size_t)(q * (double)(s->count - 1))] / 1e6 : 0;
}

static void print_series(const char *name, struct series *s, double seconds)
{
    qsort(s->ns, s->count, sizeof *s->ns, ascending);
    printf("\"%s_per_s\": %.1f, \"%s_p50_ms\": %.3f, \"%s_p99_ms\": %.3f, \"%s_max_ms\": %.3f, ", name,
           (double)s->inside / seconds, name, quantile_ms(s, .5), name, quantile_ms(s, .99), name, quantile_ms(s, 1));
}

void report_print(uint64_t begin, uint64_t end, double connect_seconds)
{
    struct series acked = {0}, answered = {0};
    double seconds = (double)(end - begin) / 1e9;
    uint64_t unanswered = 0;
    acked.ns = malloc((counters.sent + 1) * sizeof *acked.ns);
    answered.ns = malloc((counters.sent + 1) * sizeof *answered.ns);
    if (!acked.ns || !answered.ns)
        die("memory");
    for (int i = 0; i < object_count; i++)
        for (uint32_t k = 0; k < objects[i].next; k++) {
            const struct envelope *e = &objects[i].envelopes[k];
            add(&acked, e->published, e->acked, end);
            add(&answered, e->published, e->answered, end);
            unanswered += !e->answered;
        }
    printf("{\"objects\": %d, \"seconds\": %.3f, \"connect_seconds\": %.3f, ", object_count, seconds, connect_seconds);
    print_series("acked", &acked, seconds);
    print_series("answered", &answered, seconds);
    printf("\"sent\": %lu, \"resent\": %lu, \"acked\": %lu, \"answered\": %lu, \"unanswered\": %lu, \"refused\": %lu, "
           "\"unmatched\": %lu, \"connections\": %lu, \"failed_connections\": %lu, \"disconnects\": %lu}\n",
           counters.sent, counters.resent, counters.acked, counters.answered, unanswered, counters.refused,
           counters.unmatched, counters.connected, counters.never_connected, counters.disconnects);
    if (options.events[0])
        write_events();
    if (answers && fclose(answers))
        die("the file of answers cannot be written");
}
