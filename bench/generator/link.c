/* Sockets and TLS: non-blocking, one epoll for all objects. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static SSL_CTX *context;
static struct sockaddr_in server;

void link_setup(void)
{
    char path[512];
    struct addrinfo *found, hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    if (getaddrinfo(options.host, NULL, &hints, &found) || !found)
        die("the host has no address");
    memcpy(&server, found->ai_addr, sizeof server);
    server.sin_port = htons((uint16_t)options.port);
    freeaddrinfo(found);
    context = SSL_CTX_new(TLS_client_method());
    snprintf(path, sizeof path, "%s/ca.pem", options.pki);
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_load_verify_locations(context, path, NULL))
        die("ca.pem cannot be used");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
}

static void watch(struct object *o, int how, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = o};
    o->wants_write = write;
    if (epoll_ctl(poller, how, o->fd, &event) < 0)
        die("epoll_ctl");
}

static void want_write(struct object *o, bool write)
{
    if (o->wants_write != write)
        watch(o, EPOLL_CTL_MOD, write);
}

void link_open(struct object *o)
{
    int yes = 1;
    o->started_at = now_ns();
    o->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (o->fd < 0)
        die("too many sockets");
    setsockopt(o->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(o->fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) {
        link_close(o, strerror(errno));
        return;
    }
    o->state = TCP;
    watch(o, EPOLL_CTL_ADD, true);
}

void link_close(struct object *o, const char *why)
{
    if (options.verbose)
        fprintf(stderr, "%s lost (state %d): %s\n", o->name, o->state, why);
    if (o->state == READY)
        counters.disconnects++;
    else
        counters.never_connected++;
    SSL_free(o->ssl);
    o->ssl = NULL;
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
    o->in.start = o->in.end = o->out.start = o->out.end = 0;
    o->wants_write = false;
    o->state = options.reconnect ? WAITING : LOST;
    o->retry_at = now_ns() + 200000000ull + (uint64_t)(rand() % 200) * 1000000ull;
}

/* The reason of a failed TLS call, or NULL when it only wants to wait. */
static const char *failure(struct object *o, int result)
{
    switch (SSL_get_error(o->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        want_write(o, false);
        return NULL;
    case SSL_ERROR_WANT_WRITE:
        want_write(o, true);
        return NULL;
    case SSL_ERROR_ZERO_RETURN:
        return "closed by the server";
    default: {
        unsigned long code = ERR_peek_error();
        return code ? ERR_error_string(code, NULL) : "cut by the server";
    }
    }
}

static bool start_tls(struct object *o)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.pem", options.pki, o->name); /* certificate chain, then key */
    o->ssl = SSL_new(context);
    if (!o->ssl || SSL_use_certificate_chain_file(o->ssl, path) != 1 ||
        SSL_use_PrivateKey_file(o->ssl, path, SSL_FILETYPE_PEM) != 1 || !SSL_set_fd(o->ssl, o->fd)) {
        link_close(o, "its certificate or key cannot be used");
        return false;
    }
    if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(o->ssl), options.host))
        SSL_set1_host(o->ssl, options.host);
    SSL_set_connect_state(o->ssl);
    o->state = HANDSHAKE;
    return true;
}

static void handshake(struct object *o)
{
    ERR_clear_error();
    int result = SSL_connect(o->ssl);
    if (result == 1) {
        want_write(o, false);
        o->state = CONNECT_SENT;
        mqtt_connect(o);
        link_flush(o);
        return;
    }
    const char *why = failure(o, result);
    if (why)
        link_close(o, why);
}

bool link_flush(struct object *o)
{
    struct buffer *b = &o->out;
    while (b->start < b->end) {
        ERR_clear_error();
        int written = SSL_write(o->ssl, b->data + b->start, (int)(b->end - b->start));
        if (written <= 0) {
            const char *why = failure(o, written);
            if (why)
                link_close(o, why);
            return why == NULL;
        }
        b->start += (size_t)written;
    }
    b->start = b->end = 0;
    want_write(o, false);
    return true;
}

static void receive(struct object *o)
{
    unsigned char chunk[16384];
    for (;;) {
        ERR_clear_error();
        int got = SSL_read(o->ssl, chunk, sizeof chunk);
        if (got <= 0) {
            int wait = SSL_get_error(o->ssl, got);
            if (wait == SSL_ERROR_WANT_READ)
                break; /* keep waiting to write if something is left to write */
            const char *why = failure(o, got);
            if (why) {
                link_close(o, why);
                return;
            }
            break;
        }
        put(&o->in, chunk, (size_t)got);
        if (!object_read(o))
            return;
    }
    if (o->state == READY && options.rate == 0)
        object_pump(o, INT32_MAX);
    if (o->out.start < o->out.end && !o->wants_write)
        link_flush(o);
}

void link_event(struct object *o, uint32_t events)
{
    if (o->fd < 0)
        return;
    if (o->state == TCP) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(o->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error)
            link_close(o, strerror(error));
        else if ((events & EPOLLOUT) && start_tls(o))
            handshake(o);
        return;
    }
    if (o->state == HANDSHAKE) {
        handshake(o);
        return;
    }
    if ((events & EPOLLOUT) && !link_flush(o))
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(o);
}
