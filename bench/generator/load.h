/* A light load generator: N objects over MQTT 3.1.1, mutual TLS 1.3, QoS 1, one thread and one epoll.
 *
 * main.c    options, the loop, pacing
 * link.c    sockets and TLS
 * mqtt.c    the packets we write
 * object.c  what one object does: subscribe, publish with a window, match answers
 * corpus.c  the pre-signed envelopes, read from a file
 * report.c  percentiles, the JSON line, the files of answers and of times
 */
#ifndef LOAD_H
#define LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define DIGEST 32
#define NAME 36

struct envelope {
    const unsigned char *bytes;
    uint32_t length;
    uint32_t refused; /* 1 when the last answer was a refusal */
    unsigned char digest[DIGEST]; /* SHA-256 of bytes, known once published */
    uint64_t published, acked, answered; /* ns, CLOCK_MONOTONIC; 0: not yet. First publication, first answer. */
    uint64_t sent; /* last publication */
};

struct buffer {
    unsigned char *data;
    size_t start, end, capacity; /* what is waiting lies in [start, end) */
};

enum state { WAITING, TCP, HANDSHAKE, CONNECT_SENT, SUBSCRIBE_SENT, READY, LOST };

struct object {
    char name[NAME + 1];
    enum state state;
    int fd;
    SSL *ssl;
    struct buffer in, out;
    bool wants_write;
    uint64_t retry_at, started_at, pinged_at, checked_at;
    struct envelope *envelopes;
    uint32_t count, next, oldest, in_flight; /* [oldest, next) holds everything in flight */
};

struct options {
    const char *host, *pki, *names, *corpus, *publish, *subscribe, *answers, *events;
    int port, window, together;
    double seconds, rate, drain, resend; /* rate 0: as fast as the window allows */
    bool reconnect, verbose;
};

struct counters {
    uint64_t connected, never_connected, disconnects, sent, resent, acked, answered, refused, unmatched;
};

extern struct options options;
extern struct counters counters;
extern struct object *objects;
extern int object_count;
extern bool sending; /* new envelopes may leave */
extern int poller;

uint64_t now_ns(void);
void die(const char *what) __attribute__((noreturn));

/* corpus.c */
void corpus_load(const char *names, const char *corpus);
uint64_t corpus_total(void);

/* link.c */
void link_setup(void);
void link_open(struct object *o);
void link_close(struct object *o, const char *why);
void link_event(struct object *o, uint32_t events);
bool link_flush(struct object *o); /* false: the connection is lost, and closed */

/* mqtt.c */
void put(struct buffer *b, const void *data, size_t length);
void mqtt_connect(struct object *o);
void mqtt_subscribe(struct object *o);
void mqtt_publish(struct object *o, uint32_t index);
void mqtt_puback(struct object *o, const unsigned char *packet_id);
void mqtt_ping(struct object *o);
uint32_t mqtt_index_of(const struct object *o, unsigned packet_id);

/* object.c */
bool object_read(struct object *o); /* consume whole packets of o->in; false: closed */
int object_pump(struct object *o, int budget); /* publish at most budget envelopes, return how many left */
void object_resend(struct object *o, uint64_t before);

/* report.c */
void report_answer(const struct object *o, uint32_t index, const unsigned char *answer, uint32_t length);
void report_open(void);
void report_print(uint64_t begin, uint64_t end, double connect_seconds);

#endif
