/* MQTT 3.1.1: the six packets that an object writes. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

#define PACKET_IDS 65000u
#define KEEP_ALIVE 60

void put(struct buffer *b, const void *data, size_t length)
{
    if (b->start && b->end + length > b->capacity) {
        memmove(b->data, b->data + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + length > b->capacity) {
        b->capacity = (b->end + length) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            die("memory");
    }
    memcpy(b->data + b->end, data, length);
    b->end += length;
}

static void put_header(struct buffer *b, unsigned char type, size_t length)
{
    unsigned char bytes[5] = {type};
    size_t n = 1;
    do {
        bytes[n] = length & 127;
        length >>= 7;
        if (length)
            bytes[n] |= 128;
        n++;
    } while (length);
    put(b, bytes, n);
}

static void put_word(struct buffer *b, unsigned value)
{
    unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};
    put(b, bytes, 2);
}

static void put_text(struct buffer *b, const char *text, size_t length)
{
    put_word(b, (unsigned)length);
    put(b, text, length);
}

void mqtt_connect(struct object *o)
{
    put_header(&o->out, 0x10, 10 + 2 + NAME);
    put_text(&o->out, "MQTT", 4);
    put(&o->out, "\x04\x02", 2); /* version 3.1.1, clean session */
    put_word(&o->out, KEEP_ALIVE);
    put_text(&o->out, o->name, NAME);
}

void mqtt_subscribe(struct object *o)
{
    char topic[128];
    size_t length = (size_t)snprintf(topic, sizeof topic, options.subscribe, o->name);
    put_header(&o->out, 0x82, 2 + 2 + length + 1);
    put_word(&o->out, 65535);
    put_text(&o->out, topic, length);
    put(&o->out, "\x00", 1); /* at QoS 0: what is missed is asked again, by sending again */
}

void mqtt_publish(struct object *o, uint32_t index)
{
    char topic[128];
    const struct envelope *e = &o->envelopes[index];
    size_t length = (size_t)snprintf(topic, sizeof topic, options.publish, o->name);
    put_header(&o->out, 0x32, 2 + length + 2 + e->length); /* QoS 1 */
    put_text(&o->out, topic, length);
    put_word(&o->out, index % PACKET_IDS + 1);
    put(&o->out, e->bytes, e->length);
}

/* The latest envelope that was published under this packet id. */
uint32_t mqtt_index_of(const struct object *o, unsigned packet_id)
{
    uint32_t last = o->next - 1;
    uint32_t back = (last % PACKET_IDS + PACKET_IDS - (packet_id - 1)) % PACKET_IDS;
    return packet_id == 0 || o->next == 0 || back > last ? UINT32_MAX : last - back;
}

void mqtt_puback(struct object *o, const unsigned char *packet_id)
{
    put_header(&o->out, 0x40, 2);
    put(&o->out, packet_id, 2);
}

void mqtt_ping(struct object *o)
{
    put_header(&o->out, 0xC0, 0);
}
