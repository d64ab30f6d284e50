/* A load of HTTP requests on one address, and what it saw as one line of JSON.
 *
 *     load -p PORT -t PATH -b FILE [-c CONNECTIONS] [-d MS] [-w MS] [-r MS] [-n REQUESTS] [-e PIECES] [-m END] [-H LINE]...
 *
 * Closed loop over keep-alive connections, one thread, epoll. Each connection sends the request in FILE, reads the
 * answer to its end, sends it again, for -d milliseconds after -w of warm-up (or -n requests in all). The first
 * requests are spread over -r milliseconds. An answer is good if its status is 200, its end holds END and it has
 * exactly PIECES stamps @N@ (see upstream.c): so nothing counts that was cut, refused or left out on the way.
 *
 * Printed: requests, pieces, bad (in the window), all_requests, all_pieces (with the warm-up), seconds (the window),
 * connects, and in milliseconds p50 and p99 of whole (the answer is in), first (its first piece is in) and transit
 * (from a piece's stamp to its arrival); `error` is the first bad answer's beginning.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, READ_BYTES = 262144, TAIL_BYTES = 512, LEAST_STAMP = 100000 };
enum state { UNUSED, HEAD, LENGTH, SIZE_LINE, CHUNK, CHUNK_END, TRAILER };

struct link {
    int fd, live;
    enum state state;
    size_t unsent;
    uint64_t began, first, start_at;
    char head[HEAD_BYTES + 1];
    size_t head_size;
    int status, keep;
    long long left; /* of the body or chunk */
    size_t line;    /* bytes of the size line or trailer line so far */
    int in_stamp;
    uint64_t stamp;
    int pieces;
    char tail[2 * TAIL_BYTES];
    size_t tail_size;
};

struct series {
    uint32_t *values;
    size_t count, room;
};

static int poller, port, connections = 1, wanted_pieces = -1;
static long long duration = 1000, warm_up = 200, ramp, limit;
static const char *path = "/", *end_mark = "";
static char *request;
static size_t request_size;
static uint64_t window_from, window_to;
static long long sent, requests, pieces, bad, all_requests, all_pieces, connects;
static struct series whole, first, transit;
static char error_text[400];

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000u + (uint64_t)at.tv_nsec / 1000u;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void add(struct series *series, uint64_t value) {
    if (series->count == series->room) {
        series->room = series->room ? series->room * 2 : 4096;
        series->values = realloc(series->values, series->room * sizeof *series->values);
        if (!series->values) die("realloc");
    }
    series->values[series->count++] = (uint32_t)value;
}

/* --- one request */

static int in_window(uint64_t at) { return at >= window_from && at < window_to; }

static void send_rest(struct link *link) {
    while (link->unsent) {
        ssize_t wrote = write(link->fd, request + request_size - link->unsent, link->unsent);
        if (wrote < 0) break; /* a broken connection shows when it is read */
        link->unsent -= (size_t)wrote;
    }
    struct epoll_event event = {.events = EPOLLIN | (link->unsent ? EPOLLOUT : 0u), .data.ptr = link};
    if (link->unsent || request_size > 65536) epoll_ctl(poller, EPOLL_CTL_MOD, link->fd, &event);
}

static void connect_link(struct link *link) {
    struct sockaddr_in place = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0) die("socket");
    if (connect(link->fd, (struct sockaddr *)&place, sizeof place)) die("connect");
    fcntl(link->fd, F_SETFL, O_NONBLOCK);
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    epoll_ctl(poller, EPOLL_CTL_ADD, link->fd, &event);
    link->live = 1;
    connects++;
}

static void begin(struct link *link) {
    if (limit && sent >= limit) {
        link->state = UNUSED;
        return;
    }
    if (!link->live) connect_link(link);
    sent++;
    link->state = HEAD;
    link->head_size = link->tail_size = 0;
    link->pieces = link->in_stamp = 0;
    link->first = 0;
    link->began = now();
    link->unsent = request_size;
    send_rest(link);
}

static void note(const char *what, const struct link *link) {
    if (error_text[0]) return;
    size_t end = link->tail_size < 160 ? link->tail_size : 160;
    int size = snprintf(error_text, sizeof error_text, "%s, %d pieces: %.100s ", what, link->pieces, link->head);
    memcpy(error_text + size, link->tail + link->tail_size - end, end);
    error_text[size + (int)end] = 0;
    for (char *at = error_text; at < error_text + size + end; at++)
        if (*at == '"' || *at == '\\' || *at < 32 || *at > 126) *at = ' ';
}

static void finish(struct link *link) {
    uint64_t at = now();
    int good = link->status == 200 && (wanted_pieces < 0 || link->pieces == wanted_pieces) &&
               memmem(link->tail, link->tail_size, end_mark, strlen(end_mark));
    if (!good) note("bad answer", link);
    if (good) all_requests++;
    if (in_window(at)) {
        if (good) {
            requests++;
            add(&whole, at - link->began);
            if (link->first) add(&first, link->first - link->began);
        } else {
            bad++;
        }
    }
    if (!link->keep) {
        close(link->fd);
        link->live = 0;
    }
    begin(link);
}

static void broken(struct link *link) {
    if (link->state != UNUSED) {
        bad++;
        note("connection ended", link);
    }
    close(link->fd);
    link->live = 0;
    if (bad > 1000) die("too many broken connections");
    begin(link);
}

/* --- what comes */

static void look(struct link *link, const char *data, size_t size) {
    const char *stop = data + size;
    uint64_t at = 0;
    for (const char *here = data; here < stop; here++) {
        if (!link->in_stamp) {
            here = memchr(here, '@', (size_t)(stop - here));
            if (!here) break;
            link->in_stamp = 1;
            link->stamp = 0;
        } else if (*here >= '0' && *here <= '9') {
            link->stamp = link->stamp * 10 + (uint64_t)(*here - '0');
        } else {
            link->in_stamp = 0;
            if (*here != '@' || link->stamp < LEAST_STAMP) continue; /* or a checksum looks like one */
            if (!at) at = now();
            link->pieces++;
            all_pieces++;
            if (!link->first) link->first = at;
            if (in_window(at)) {
                pieces++;
                add(&transit, at > link->stamp ? at - link->stamp : 0);
            }
        }
    }
    if (size >= TAIL_BYTES) {
        memcpy(link->tail, stop - TAIL_BYTES, TAIL_BYTES);
        link->tail_size = TAIL_BYTES;
        return;
    }
    if (link->tail_size + size > sizeof link->tail) {
        size_t cut = link->tail_size + size - TAIL_BYTES;
        if (cut > link->tail_size) cut = link->tail_size;
        memmove(link->tail, link->tail + cut, link->tail_size - cut);
        link->tail_size -= cut;
    }
    memcpy(link->tail + link->tail_size, data, size);
    link->tail_size += size;
}

static void take_head(struct link *link) {
    link->head[link->head_size] = 0;
    link->status = link->head_size > 12 ? atoi(link->head + 9) : 0;
    link->keep = !strcasestr(link->head, "\r\nconnection: close");
    const char *length = strcasestr(link->head, "\r\ncontent-length:");
    link->line = 0;
    if (strcasestr(link->head, "\r\ntransfer-encoding:")) {
        link->state = SIZE_LINE;
        link->left = 0;
        return;
    }
    link->state = LENGTH;
    link->left = length ? atoll(length + 17) : 0;
    if (!link->left) finish(link);
}

static int hex(char digit) {
    return digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10;
}

/* One byte of a chunked body's framing. */
static void frame(struct link *link, char byte) {
    if (link->state == SIZE_LINE) {
        if (byte == '\n') {
            link->state = link->left ? CHUNK : TRAILER;
            link->line = 0;
        } else if (byte != '\r') {
            link->left = link->left * 16 + hex(byte);
        }
    } else if (link->state == CHUNK_END) {
        if (byte == '\n') link->state = SIZE_LINE;
    } else if (byte == '\n' && !link->line) {
        finish(link);
    } else {
        link->line = byte == '\n' ? 0 : link->line + (byte != '\r');
    }
}

static void take(struct link *link, const char *data, size_t size) {
    while (size && link->live) {
        if (link->state == LENGTH || link->state == CHUNK) {
            size_t part = (long long)size < link->left ? size : (size_t)link->left;
            look(link, data, part);
            data += part;
            size -= part;
            link->left -= (long long)part;
            if (link->left) continue;
            if (link->state == LENGTH) finish(link);
            else link->state = CHUNK_END;
        } else if (link->state == HEAD && link->head_size < HEAD_BYTES) {
            link->head[link->head_size++] = *data++;
            size--;
            if (link->head_size >= 4 && !memcmp(link->head + link->head_size - 4, "\r\n\r\n", 4)) take_head(link);
        } else if (link->state == SIZE_LINE || link->state == CHUNK_END || link->state == TRAILER) {
            frame(link, *data++);
            size--;
        } else {
            broken(link);
            return;
        }
    }
}

static void serve(struct link *link, uint32_t events) {
    static char data[READ_BYTES];
    if (events & EPOLLOUT) send_rest(link);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
    ssize_t size = read(link->fd, data, sizeof data);
    if (size > 0) take(link, data, (size_t)size);
    else if (size == 0 || errno != EAGAIN) broken(link);
}

/* --- the whole run */

static void load_request(const char *file, char *headers) {
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) die(file);
    char *body = malloc((size_t)status.st_size + 1);
    if (!body || read(fd, body, (size_t)status.st_size) != status.st_size) die(file);
    close(fd);
    int head = asprintf(&request, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                        "%sContent-Length: %lld\r\n\r\n", path, port, headers, (long long)status.st_size);
    if (head < 0) die("asprintf");
    request_size = (size_t)head + (size_t)status.st_size;
    request = realloc(request, request_size);
    if (!request) die("realloc");
    memcpy(request + head, body, (size_t)status.st_size);
    free(body);
}

static int smaller(const void *one, const void *other) {
    uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
    return left < right ? -1 : left > right;
}

static void print_series(const char *name, struct series *series) {
    if (!series->count) return;
    qsort(series->values, series->count, sizeof *series->values, smaller);
    size_t high = series->count * 99 / 100;
    printf(",\"%s50\":%.3f,\"%s99\":%.3f", name, series->values[series->count / 2] / 1e3, name,
           series->values[high < series->count ? high : series->count - 1] / 1e3);
}

static void print_all(uint64_t ended) {
    double seconds = (double)((ended < window_to ? ended : window_to) - window_from) / 1e6;
    printf("{\"requests\":%lld,\"pieces\":%lld,\"bad\":%lld,\"all_requests\":%lld,\"all_pieces\":%lld,\"seconds\":%.4f,"
           "\"connects\":%lld", requests, pieces, bad, all_requests, all_pieces, seconds, connects);
    print_series("whole", &whole);
    print_series("first", &first);
    print_series("transit", &transit);
    printf(",\"error\":\"%s\"}\n", error_text);
}

static void run(struct link *links) {
    struct epoll_event events[256];
    int started = 0;
    for (uint64_t at = now(); at < window_to && (!limit || all_requests + bad < limit); at = now()) {
        while (started < connections && links[started].start_at <= at) begin(&links[started++]);
        uint64_t until = started < connections ? links[started].start_at : window_to;
        int count = epoll_wait(poller, events, 256, until > at ? (int)((until - at) / 1000 + 1) : 0);
        for (int i = 0; i < count; i++) serve(events[i].data.ptr, events[i].events);
    }
}

static char *read_options(int count, char **arguments, const char **file) {
    char *headers = strdup("");
    for (int option; (option = getopt(count, arguments, "p:t:b:c:d:w:r:n:e:m:H:")) != -1;) {
        long long number = atoll(optarg ? optarg : "");
        char *longer;
        switch (option) {
        case 'p': port = (int)number; break;
        case 't': path = optarg; break;
        case 'b': *file = optarg; break;
        case 'c': connections = (int)number; break;
        case 'd': duration = number; break;
        case 'w': warm_up = number; break;
        case 'r': ramp = number; break;
        case 'n': limit = number; break;
        case 'e': wanted_pieces = (int)number; break;
        case 'm': end_mark = optarg; break;
        case 'H':
            if (asprintf(&longer, "%s%s\r\n", headers, optarg) < 0) die("asprintf");
            free(headers);
            headers = longer;
            break;
        default: exit(2);
        }
    }
    return headers;
}

int main(int count, char **arguments) {
    signal(SIGPIPE, SIG_IGN);
    const char *file = NULL;
    char *headers = read_options(count, arguments, &file);
    if (!port || !file) {
        fprintf(stderr, "load: -p and -b are needed\n");
        return 2;
    }
    load_request(file, headers);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct link *links = calloc((size_t)connections, sizeof *links);
    if (!links) die("calloc");
    uint64_t start = now();
    window_from = start + (uint64_t)warm_up * 1000u;
    window_to = window_from + (uint64_t)duration * 1000u;
    for (int i = 0; i < connections; i++) links[i].start_at = start + (uint64_t)(ramp * 1000 * i / connections);
    run(links);
    print_all(now());
    return 0;
}
