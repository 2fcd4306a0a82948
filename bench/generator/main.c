/* Options, the loop and the pacing. */
#define _GNU_SOURCE
#include "load.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000ull
#define BURST 2000 /* envelopes at most in one turn of the loop, after a stall */

struct options options = {.host = "127.0.0.1", .publish = "up/%s", .subscribe = "down/%s/#", .answers = "",
                          .events = "", .window = 16, .together = 50, .seconds = 10, .drain = 10};
struct counters counters;
struct object *objects;
int object_count, poller;
bool sending;

static volatile sig_atomic_t stopped;

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

void die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static const char help[] =
    "load --port N --pki DIR --names FILE --corpus FILE [options]\n"
    "  --pki DIR        ca.pem, and <uuid>.pem for each object (certificate chain, then key)\n"
    "  --names FILE     one UUID a line; --corpus FILE: their envelopes\n"
    "  --host H         127.0.0.1       --publish T    up/%s\n"
    "  --subscribe T    down/%s/#, or an empty text when no answer is expected\n"
    "  --seconds S      10              --rate R       envelopes/s in all; 0: as fast as possible\n"
    "  --window W       16 in flight per object        --together N   50 connecting at once\n"
    "  --drain S        10, to wait for the last answers\n"
    "  --resend S       publish again what has no answer after S seconds (0: never)\n"
    "  --reconnect      connect again after a cut      --verbose\n"
    "  --answers FILE, --events FILE\n"
    "Prints one JSON line. Exit 0, or 2 when it cannot work. SIGTERM ends the sending, then drains.\n";

static void parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},   {"pki", 1, 0, 'k'},      {"names", 1, 0, 'n'},
        {"corpus", 1, 0, 'c'}, {"publish", 1, 0, 'u'}, {"subscribe", 1, 0, 'd'}, {"seconds", 1, 0, 's'},
        {"rate", 1, 0, 'r'},   {"window", 1, 0, 'w'}, {"together", 1, 0, 't'}, {"drain", 1, 0, 'g'},
        {"resend", 1, 0, 'R'}, {"reconnect", 0, 0, 'x'}, {"verbose", 0, 0, 'v'}, {"answers", 1, 0, 'a'},
        {"events", 1, 0, 'e'}, {0, 0, 0, 0}};
    for (int o; (o = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (o) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = atoi(optarg); break;
        case 'k': options.pki = optarg; break;
        case 'n': options.names = optarg; break;
        case 'c': options.corpus = optarg; break;
        case 'u': options.publish = optarg; break;
        case 'd': options.subscribe = optarg; break;
        case 's': options.seconds = atof(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 'w': options.window = atoi(optarg); break;
        case 't': options.together = atoi(optarg); break;
        case 'g': options.drain = atof(optarg); break;
        case 'R': options.resend = atof(optarg); break;
        case 'x': options.reconnect = true; break;
        case 'v': options.verbose = true; break;
        case 'a': options.answers = optarg; break;
        case 'e': options.events = optarg; break;
        default: fputs(help, stderr); exit(2);
        }
    if (!options.port || !options.pki || !options.names || !options.corpus || options.window < 1) {
        fputs(help, stderr);
        exit(2);
    }
}

static void poll_once(int wait_ms)
{
    struct epoll_event events[512];
    int count = epoll_wait(poller, events, 512, wait_ms);
    for (int i = 0; i < count; i++)
        link_event(events[i].data.ptr, events[i].events);
}

/* Open what may be opened, at most `together` at once. Returns how many objects are neither ready nor given up. */
static int open_some(uint64_t now)
{
    int opening = 0, missing = 0;
    for (int i = 0; i < object_count; i++)
        opening += objects[i].state > WAITING && objects[i].state < READY;
    for (int i = 0; i < object_count; i++) {
        struct object *o = &objects[i];
        if (o->state == WAITING && now >= o->retry_at && opening < options.together) {
            link_open(o);
            opening++;
        } else if (o->state > WAITING && o->state < READY && now - o->started_at > 10 * SECOND) {
            link_close(o, "no answer for 10 seconds");
        }
        missing += o->state < READY;
    }
    return missing;
}

/* Once a second: keep-alives and resending. */
static void look_after(uint64_t now)
{
    for (int i = 0; i < object_count; i++) {
        struct object *o = &objects[i];
        if (o->state != READY)
            continue;
        if (now - o->pinged_at > 20 * SECOND) {
            o->pinged_at = now;
            mqtt_ping(o);
        }
        if (options.resend > 0)
            object_resend(o, now - (uint64_t)(options.resend * 1e9));
        if (o->out.start < o->out.end && !o->wants_write)
            link_flush(o);
    }
}

/* Publish what the rate makes due, one object after the other. */
static void pace(uint64_t elapsed)
{
    static int turn;
    double behind = options.rate * (double)elapsed / 1e9 - (double)counters.sent;
    int due = behind > BURST ? BURST : (int)behind;
    for (int refused = 0; due > 0 && refused < object_count; turn = (turn + 1) % object_count) {
        struct object *o = &objects[turn];
        if (!object_pump(o, 1)) {
            refused++;
            continue;
        }
        refused = 0;
        due--;
        if (!o->wants_write)
            link_flush(o);
    }
}

static bool all_quiet(void)
{
    for (int i = 0; i < object_count; i++)
        if (objects[i].in_flight)
            return false;
    return true;
}

static void pump_all(void)
{
    for (int i = 0; i < object_count; i++)
        if (object_pump(&objects[i], INT32_MAX) && !objects[i].wants_write)
            link_flush(&objects[i]);
}

/* Send from `begin` on, then wait for the last answers. Returns when the sending ended. */
static uint64_t run(uint64_t begin)
{
    uint64_t planned = begin + (uint64_t)(options.seconds * 1e9), end = 0, looked = begin;
    sending = true;
    if (options.rate == 0)
        pump_all();
    for (;;) {
        uint64_t now = now_ns();
        if (sending && (stopped || now >= planned || counters.sent == corpus_total())) {
            sending = false;
            end = now < planned && !stopped && counters.sent == corpus_total() ? 0 : now;
        }
        if (!sending && (all_quiet() || now > planned + (uint64_t)(options.drain * 1e9)))
            return end ? end : now; /* the whole corpus left early: the period lasts until its last answer */
        if (sending && options.rate > 0)
            pace(now - begin);
        if (now - looked > SECOND) {
            looked = now;
            look_after(now);
            if (options.reconnect && options.rate == 0)
                pump_all();
        }
        if (options.reconnect)
            open_some(now);
        poll_once(options.rate > 0 ? 1 : 20);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    poller = epoll_create1(EPOLL_CLOEXEC);
    corpus_load(options.names, options.corpus);
    link_setup();
    report_open();
    uint64_t start = now_ns();
    while (open_some(now_ns()) && !stopped && now_ns() - start < 120 * SECOND)
        poll_once(20);
    if (!counters.connected)
        die("no object could connect (--verbose says why)");
    uint64_t begin = now_ns();
    fprintf(stderr, "load: %lu of %d objects connected in %.2f s\n", counters.connected, object_count,
            (double)(begin - start) / 1e9);
    report_print(begin, run(begin), (double)(begin - start) / 1e9);
    return 0;
}
