/* What one object does: connect, subscribe to its answers, publish with a window, and match what comes back. */
#include "load.h"

#include <openssl/sha.h>
#include <string.h>

#define MAX_PACKET (1u << 20)

static bool wants_answers(void) { return options.subscribe[0] != '\0'; }

static bool is_done(const struct envelope *e) { return wants_answers() ? e->answered != 0 : e->acked != 0; }

static void settle(struct object *o)
{
    o->in_flight--;
    while (o->oldest < o->next && is_done(&o->envelopes[o->oldest]))
        o->oldest++;
}

static void ready(struct object *o)
{
    o->state = READY;
    o->pinged_at = o->checked_at = now_ns();
    counters.connected++;
    object_resend(o, UINT64_MAX); /* after a cut: what nobody answered leaves again */
}

static void on_puback(struct object *o, unsigned packet_id)
{
    uint32_t index = mqtt_index_of(o, packet_id);
    if (index == UINT32_MAX || o->envelopes[index].acked)
        return;
    o->envelopes[index].acked = now_ns();
    counters.acked++;
    if (!wants_answers())
        settle(o);
}

/* An answer is CBOR [1, digest, receipt] or [2, digest, refusal]; the digest names the envelope. */
static void on_answer(struct object *o, const unsigned char *answer, uint32_t length)
{
    static const unsigned char bytes32[2] = {0x58, DIGEST};
    if (length > 4 + DIGEST && answer[0] == 0x83 && (answer[1] == 1 || answer[1] == 2) &&
        memcmp(answer + 2, bytes32, 2) == 0) {
        for (uint32_t i = o->oldest; i < o->next; i++) {
            struct envelope *e = &o->envelopes[i];
            if (memcmp(e->digest, answer + 4, DIGEST) != 0)
                continue;
            if (e->answered)
                break;
            e->answered = now_ns();
            e->refused = answer[1] == 2;
            counters.answered++;
            counters.refused += e->refused;
            report_answer(o, i, answer, length);
            settle(o);
            return;
        }
    }
    counters.unmatched++;
}

static void on_publish(struct object *o, unsigned char flags, const unsigned char *body, uint32_t length)
{
    if (length < 2)
        return;
    uint32_t topic = (uint32_t)body[0] << 8 | body[1], at = 2 + topic;
    unsigned qos = (flags >> 1) & 3;
    if (at + (qos ? 2 : 0) > length)
        return;
    if (qos) {
        mqtt_puback(o, body + at);
        at += 2;
    }
    on_answer(o, body + at, length - at);
}

static bool on_packet(struct object *o, unsigned char first, const unsigned char *body, uint32_t length)
{
    switch (first >> 4) {
    case 2: /* CONNACK */
        if (length < 2 || body[1] != 0) {
            link_close(o, "CONNACK says no");
            return false;
        }
        if (!wants_answers()) {
            ready(o);
        } else {
            o->state = SUBSCRIBE_SENT;
            mqtt_subscribe(o);
        }
        break;
    case 3:
        on_publish(o, first, body, length);
        break;
    case 4:
        if (length >= 2)
            on_puback(o, (unsigned)body[0] << 8 | body[1]);
        break;
    case 9: /* SUBACK */
        if (length < 3 || body[2] == 0x80) {
            link_close(o, "SUBACK says no");
            return false;
        }
        ready(o);
        break;
    default:
        break; /* PINGRESP */
    }
    return true;
}

bool object_read(struct object *o)
{
    struct buffer *b = &o->in;
    while (b->end - b->start >= 2) {
        uint32_t length = 0, head = 1;
        unsigned shift = 0;
        unsigned char byte;
        do {
            if (head >= b->end - b->start)
                return true;
            byte = b->data[b->start + head++];
            length |= (uint32_t)(byte & 127) << shift;
            shift += 7;
        } while ((byte & 128) && shift < 28);
        if (length > MAX_PACKET) {
            link_close(o, "a packet is too large");
            return false;
        }
        if (b->end - b->start < head + length)
            return true;
        if (!on_packet(o, b->data[b->start], b->data + b->start + head, length))
            return false;
        b->start += head + length;
    }
    if (b->start == b->end)
        b->start = b->end = 0;
    return true;
}

int object_pump(struct object *o, int budget)
{
    int left = 0;
    while (sending && left < budget && o->state == READY && o->in_flight < (uint32_t)options.window &&
           o->next < o->count) {
        struct envelope *e = &o->envelopes[o->next];
        SHA256(e->bytes, e->length, e->digest);
        e->published = e->sent = now_ns();
        mqtt_publish(o, o->next);
        o->next++;
        o->in_flight++;
        counters.sent++;
        left++;
    }
    return left;
}

void object_resend(struct object *o, uint64_t before)
{
    for (uint32_t i = o->oldest; i < o->next; i++) {
        struct envelope *e = &o->envelopes[i];
        if (!is_done(e) && e->sent < before) {
            e->sent = now_ns();
            mqtt_publish(o, i);
            counters.resent++;
        }
    }
}
