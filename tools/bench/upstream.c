/* An upstream that answers at once: OpenAI Chat, Anthropic Messages and Kiro's event stream, whole or streamed.
 *
 *     upstream            prints the port it listens on (127.0.0.1), serves until it is killed
 *
 * One thread, epoll, HTTP/1.1 with keep-alive; request bodies with Content-Length only, counted and thrown away.
 * What the answers look like is not read from requests but set by the bench before each run:
 *
 *     GET /bench/shape?stream=1&pieces=100&pace=10     streams of 100 pieces, one every 10 ms (0: without pause)
 *     GET /bench/seen                                  {"requests": N, "bytes": N} since then
 *
 * A piece is one write(2), as a service does it. Its text ends in @N@, the monotonic clock in microseconds when it was
 * written, by which the load generator knows how long the piece was under way, whatever was made of it meanwhile.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 16384, READ_BYTES = 262144, PIECE_BYTES = 2048, TURN = 8 };
enum wire { OTHER, OPENAI, ANTHROPIC, KIRO };

struct link {
    int fd;
    char head[HEAD_BYTES + 1];
    size_t head_size;
    long long body_left;
    int in_body;
    enum wire wire;
    int streaming, sent; /* pieces of the running stream */
    uint64_t due;        /* when the next one is, if they are paced */
    char *out;           /* not yet taken by the kernel */
    size_t out_from, out_to, out_room;
    int waits; /* for the socket to take more */
    struct link *next; /* in the queue it stands in */
};

struct queue {
    struct link *first, *last;
};

static int poller, timer;
static int shape_stream, shape_pieces = 100, shape_pace;
static unsigned long long seen_requests, seen_bytes;
static struct queue ready, paced; /* streams with a piece to write now, and at a time; paced ones by rising `due` */

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000u + (uint64_t)at.tv_nsec / 1000u;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

/* --- queues */

static void push(struct queue *queue, struct link *link) {
    link->next = NULL;
    if (queue->last) queue->last->next = link;
    else queue->first = link;
    queue->last = link;
}

static struct link *pop(struct queue *queue) {
    struct link *link = queue->first;
    if (link) {
        queue->first = link->next;
        if (!queue->first) queue->last = NULL;
    }
    return link;
}

static void drop(struct queue *queue, struct link *gone) {
    struct link *before = NULL;
    for (struct link *each = queue->first; each; before = each, each = each->next) {
        if (each != gone) continue;
        if (before) before->next = each->next;
        else queue->first = each->next;
        if (queue->last == each) queue->last = before;
        return;
    }
}

/* --- output */

static void put(struct link *link, const void *data, size_t size) {
    if (link->out_from == link->out_to) link->out_from = link->out_to = 0;
    if (link->out_to + size > link->out_room) {
        link->out_room = (link->out_to + size) * 2;
        link->out = realloc(link->out, link->out_room);
        if (!link->out) die("realloc");
    }
    memcpy(link->out + link->out_to, data, size);
    link->out_to += size;
}

static void put_chunk(struct link *link, const void *data, size_t size) {
    char line[24];
    put(link, line, (size_t)snprintf(line, sizeof line, "%zx\r\n", size));
    put(link, data, size);
    put(link, "\r\n", 2);
}

static void put_text(struct link *link, const char *form, ...) {
    char text[PIECE_BYTES];
    va_list values;
    va_start(values, form);
    int size = vsnprintf(text, sizeof text, form, values);
    va_end(values);
    put_chunk(link, text, (size_t)size);
}

static void watch(struct link *link, int waits) {
    if (link->waits == waits) return;
    link->waits = waits;
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u), .data.ptr = link};
    epoll_ctl(poller, EPOLL_CTL_MOD, link->fd, &event);
}

/* 1: all is written, 0: the peer is slow, -1: it has gone */
static int flush(struct link *link) {
    while (link->out_from < link->out_to) {
        ssize_t wrote = write(link->fd, link->out + link->out_from, link->out_to - link->out_from);
        if (wrote < 0 && errno == EAGAIN) {
            watch(link, 1);
            return 0;
        }
        if (wrote < 0) return -1;
        link->out_from += (size_t)wrote;
    }
    watch(link, 0);
    return 1;
}

static void put_head(struct link *link, const char *type, long long length) {
    char head[256];
    int size = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nx-request-id: req_upstream\r\n", type);
    put(link, head, (size_t)size);
    if (length >= 0) size = snprintf(head, sizeof head, "Content-Length: %lld\r\n\r\n", length);
    else size = snprintf(head, sizeof head, "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    put(link, head, (size_t)size);
}

static void put_whole(struct link *link, const char *json) {
    put_head(link, "application/json", (long long)strlen(json));
    put(link, json, strlen(json));
}

/* --- Kiro's frames: lengths, their checksum, headers, payload, checksum of all; big-endian (AWS event stream) */

static uint32_t crc_table[256];

static void make_crc_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) value = value & 1u ? value >> 1 ^ 0xEDB88320u : value >> 1;
        crc_table[byte] = value;
    }
}

static uint32_t crc(const unsigned char *data, size_t size) {
    uint32_t value = 0xFFFFFFFFu;
    while (size--) value = value >> 8 ^ crc_table[(value ^ *data++) & 255u];
    return ~value;
}

static unsigned char *put_u32(unsigned char *at, uint32_t value) {
    value = htonl(value);
    memcpy(at, &value, 4);
    return at + 4;
}

static unsigned char *put_header(unsigned char *at, const char *name, const char *value) {
    size_t name_size = strlen(name), value_size = strlen(value);
    *at++ = (unsigned char)name_size;
    memcpy(at, name, name_size);
    at += name_size;
    *at++ = 7; /* a string */
    *at++ = (unsigned char)(value_size >> 8);
    *at++ = (unsigned char)value_size;
    memcpy(at, value, value_size);
    return at + value_size;
}

static void put_event(struct link *link, const char *type, const char *form, ...) {
    unsigned char frame[PIECE_BYTES];
    unsigned char *at = put_header(frame + 12, ":event-type", type);
    at = put_header(at, ":content-type", "application/json");
    at = put_header(at, ":message-type", "event");
    uint32_t headers = (uint32_t)(at - frame - 12);
    va_list values;
    va_start(values, form);
    at += vsnprintf((char *)at, sizeof frame - 4 - (size_t)(at - frame), form, values);
    va_end(values);
    uint32_t total = (uint32_t)(at - frame) + 4;
    put_u32(put_u32(frame, total), headers);
    put_u32(frame + 8, crc(frame, 8));
    put_u32(at, crc(frame, total - 4));
    put_chunk(link, frame, total);
}

/* --- answers */

#define CHAT_CHUNK \
    "data: {\"id\":\"chatcmpl-upstream0001\",\"object\":\"chat.completion.chunk\",\"created\":1790000000," \
    "\"model\":\"bench-model-2026-01-01\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\","
#define CHAT_CHOICE CHAT_CHUNK "\"choices\":[{\"index\":0,\"delta\":%s,\"logprobs\":null,\"finish_reason\":%s}]}\n\n"

static char *openai_whole, *anthropic_whole;

static void make_wholes(void) {
    char text[1100] = "";
    for (int line = 0; strlen(text) < 1000; line++)
        sprintf(text + strlen(text), "%d. An answer of some length passes here, and nobody adds a word to it. ", line);
    int size = asprintf(
        &openai_whole,
        "{\"id\":\"chatcmpl-upstream0001\",\"object\":\"chat.completion\",\"created\":1790000000,"
        "\"model\":\"bench-model-2026-01-01\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
        "\"content\":\"%s\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":190,\"total_tokens\":400,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}},"
        "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\"}",
        text);
    size |= asprintf(
        &anthropic_whole,
        "{\"id\":\"msg_upstream0001\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\","
        "\"content\":[{\"type\":\"text\",\"text\":\"%s\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
        "\"usage\":{\"input_tokens\":210,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
        "\"output_tokens\":190,\"service_tier\":\"standard\"}}",
        text);
    if (size < 0) die("asprintf");
}

static void begin_stream(struct link *link) {
    static const char *types[] = {"", "text/event-stream", "text/event-stream", "application/vnd.amazon.eventstream"};
    put_head(link, types[link->wire], -1);
    if (link->wire == OPENAI) {
        put_text(link, CHAT_CHOICE, "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", "null");
    } else if (link->wire == ANTHROPIC) {
        put_text(link, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_upstream0001\","
                       "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],"
                       "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":210,"
                       "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n");
        put_text(link, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
                       "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    } else {
        put_event(link, "initial-response", "{\"conversationId\":\"bench\"}");
        put_event(link, "messageMetadataEvent", "{\"conversationId\":\"bench\",\"utteranceId\":\"upstream-0001\"}");
    }
}

static void put_piece(struct link *link) {
    char text[64];
    snprintf(text, sizeof text, " t%d @%llu@", link->sent++, (unsigned long long)now());
    if (link->wire == OPENAI) {
        char delta[96];
        snprintf(delta, sizeof delta, "{\"content\":\"%s\"}", text);
        put_text(link, CHAT_CHOICE, delta, "null");
    } else if (link->wire == ANTHROPIC) {
        put_text(link, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                       "\"delta\":{\"type\":\"text_delta\",\"text\":\"%s\"}}\n\n", text);
    } else {
        put_event(link, "assistantResponseEvent", "{\"content\":\"%s\",\"modelId\":\"claude-sonnet-4.5\"}", text);
    }
}

static void end_stream(struct link *link) {
    int pieces = link->sent;
    if (link->wire == OPENAI) {
        put_text(link, CHAT_CHOICE, "{}", "\"stop\"");
        put_text(link, CHAT_CHUNK "\"choices\":[],\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":%d,"
                                  "\"total_tokens\":%d}}\n\n", pieces, 210 + pieces);
        put_text(link, "data: [DONE]\n\n");
    } else if (link->wire == ANTHROPIC) {
        put_text(link, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
        put_text(link, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                       "\"stop_sequence\":null},\"usage\":{\"output_tokens\":%d}}\n\n", pieces);
        put_text(link, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    } else {
        put_event(link, "metadataEvent", "{\"tokenUsage\":{\"uncachedInputTokens\":210,\"outputTokens\":%d,"
                                         "\"totalTokens\":%d},\"stopReason\":\"END_TURN\"}", pieces, 210 + pieces);
        put_event(link, "contextUsageEvent", "{\"contextUsagePercentage\":0.2}");
        put_event(link, "meteringEvent", "{\"usage\":0.02,\"unit\":\"credit\",\"unitPlural\":\"credits\"}");
    }
    put(link, "0\r\n\r\n", 5);
    link->streaming = 0;
}

/* Write what is due of a stream that is in no queue. -1: the peer has gone. */
static int go_on(struct link *link) {
    int result = 1;
    for (int turn = 0; link->streaming && result == 1 && turn < (shape_pace ? 1 : TURN); turn++) {
        if (link->sent < shape_pieces) put_piece(link);
        else end_stream(link);
        result = flush(link);
    }
    if (result < 0) return -1;
    if (!link->streaming || (result == 0 && !shape_pace)) return 0;
    link->due += (uint64_t)shape_pace * 1000u;
    push(shape_pace ? &paced : &ready, link);
    return 0;
}

static enum wire wire_of(const struct link *link, const char *path) {
    if (strstr(path, "/chat/completions")) return OPENAI;
    if (strstr(path, "/messages")) return ANTHROPIC;
    return strcasestr(link->head, "GenerateAssistantResponse") ? KIRO : OTHER;
}

static void answer_other(struct link *link, const char *path) {
    char text[128] = "{}";
    if (sscanf(path, "/bench/shape?stream=%d&pieces=%d&pace=%d", &shape_stream, &shape_pieces, &shape_pace) == 3)
        seen_requests = seen_bytes = 0;
    else if (!strcmp(path, "/bench/seen"))
        snprintf(text, sizeof text, "{\"requests\":%llu,\"bytes\":%llu}", seen_requests, seen_bytes);
    else if (strstr(path, "/models"))
        strcpy(text, "{\"data\":[{\"id\":\"bench-model\"},{\"id\":\"claude-sonnet-4-5\"}],\"has_more\":false}");
    else if (strcasestr(link->head, "ListAvailableModels"))
        strcpy(text, "{\"models\":[{\"modelId\":\"claude-sonnet-4.5\",\"modelName\":\"Claude Sonnet 4.5\"}]}");
    put_whole(link, text);
}

/* A request is in. -1: the peer has gone. */
static int answer(struct link *link) {
    char path[512] = "";
    sscanf(link->head, "%*15s %511s", path);
    link->wire = wire_of(link, path);
    link->head_size = 0;
    link->in_body = 0;
    if (link->wire == OTHER) {
        answer_other(link, path);
        return flush(link) < 0 ? -1 : 0;
    }
    seen_requests++;
    if (!shape_stream) {
        put_whole(link, link->wire == OPENAI ? openai_whole : link->wire == ANTHROPIC ? anthropic_whole : "{}");
        return flush(link) < 0 ? -1 : 0;
    }
    begin_stream(link);
    link->streaming = 1;
    link->sent = 0;
    link->due = now();
    return go_on(link);
}

/* --- input */

static int take_head(struct link *link) {
    link->head[link->head_size] = 0;
    const char *length = strcasestr(link->head, "\r\ncontent-length:");
    if (strcasestr(link->head, "\r\ntransfer-encoding:")) return -1;
    link->body_left = length ? atoll(length + 17) : 0;
    if (!link->body_left) return answer(link);
    link->in_body = 1;
    return 0;
}

/* -1: what came is not for us */
static int take(struct link *link, const char *data, size_t size) {
    while (size) {
        if (link->in_body) {
            size_t part = (long long)size < link->body_left ? size : (size_t)link->body_left;
            data += part;
            size -= part;
            link->body_left -= (long long)part;
            seen_bytes += part;
            if (!link->body_left && answer(link) < 0) return -1;
            continue;
        }
        if (link->head_size == HEAD_BYTES) return -1;
        link->head[link->head_size++] = *data++;
        size--;
        if (link->head_size >= 4 && !memcmp(link->head + link->head_size - 4, "\r\n\r\n", 4) && take_head(link) < 0)
            return -1;
    }
    return 0;
}

static void end(struct link *link) {
    drop(&ready, link);
    drop(&paced, link);
    close(link->fd);
    free(link->out);
    free(link);
}

static void serve(struct link *link, uint32_t events) {
    static char data[READ_BYTES];
    if (events & EPOLLOUT) {
        int result = flush(link);
        if (result < 0 || (result == 1 && link->streaming && !shape_pace && go_on(link) < 0)) {
            end(link);
            return;
        }
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t size = read(link->fd, data, sizeof data);
        if (size == 0 || (size < 0 && errno != EAGAIN) || (size > 0 && take(link, data, (size_t)size) < 0)) end(link);
    }
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct link *link = calloc(1, sizeof *link);
        if (!link) die("calloc");
        link->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Streams whose turn it is: each once. */
static void write_pieces(void) {
    struct queue turn = ready;
    ready = (struct queue){NULL, NULL};
    struct link *link;
    while ((link = pop(&turn)))
        if (go_on(link) < 0) end(link);
    uint64_t at = now();
    while (paced.first && paced.first->due <= at) {
        link = pop(&paced);
        if (go_on(link) < 0) end(link);
    }
}

static void set_timer(void) {
    static uint64_t set_to;
    if (!paced.first || paced.first->due == set_to) return;
    set_to = paced.first->due;
    struct itimerspec when = {.it_value = {(time_t)(set_to / 1000000u), (long)(set_to % 1000000u) * 1000}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static int listen_on_free_port(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof place;
    if (bind(listener, (struct sockaddr *)&place, size) || listen(listener, 4096)) die("listen");
    getsockname(listener, (struct sockaddr *)&place, &size);
    printf("%d\n", ntohs(place.sin_port));
    fflush(stdout);
    return listener;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    make_crc_table();
    make_wholes();
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int listener = listen_on_free_port();
    struct epoll_event events[256];
    events[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &events[0]);
    events[0] = (struct epoll_event){.events = EPOLLIN, .data.ptr = &timer};
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &events[0]);
    for (;;) {
        set_timer();
        int count = epoll_wait(poller, events, 256, ready.first ? 0 : -1);
        for (int i = 0; i < count; i++) {
            uint64_t expirations;
            if (events[i].data.ptr == &listener) accept_all(listener);
            else if (events[i].data.ptr != &timer) serve(events[i].data.ptr, events[i].events);
            else if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN) die("timer");
        }
        write_pieces();
    }
}
