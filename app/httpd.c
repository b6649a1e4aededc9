/* SPDX-License-Identifier: MIT */
/*
 * A server of files by HTTP (RFC 9112): GET and HEAD of the files of the boot module, to eight
 * connections at a time. Run it in a domU by
 *
 *   ./run.sh boot --on domu-pv --net --run app:httpd --module FOLDER --append "-- NET=10.0.0.2/24"
 *
 * Arguments: -p PORT; -n COUNT, end after so many requests, when their connections are closed;
 * otherwise it does not end. A folder is its index.html, or a list of its files.
 *
 * Silent clients do not keep others out for long: a request has at most REQUEST_MAX bytes and
 * arrives within REQUEST_SECONDS, and an answer of which nothing is taken for SEND_SECONDS is given
 * up. Only regular files and folders are served, so no path leads to a device, such as the guest's
 * disk.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORKERS         8
#define REQUEST_MAX     4096
#define REQUEST_SECONDS 10
#define SEND_SECONDS    20
#define CLOSE_SECONDS   3
#define PATH_SIZE       1024
#define BLOCK           65536

struct request {
    int fd;
    char text[REQUEST_MAX + 1];
    size_t len;
    char path[PATH_SIZE]; /* decoded; begins with a slash */
    int only_head;
    int stays; /* the client may send another request */
};

static int listener;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
/* Guarded by mutex. */
static unsigned long answered;

/* ---- Answers --------------------------------------------------------------------------------- */

static int send_all(int fd, const char *from, size_t len)
{
    while (len) {
        const ssize_t n = send(fd, from, len, 0);

        if (n <= 0)
            return -1;
        from += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Send the head of an answer. Return -1 if the connection has ended. */
static int send_head(const struct request *r, const char *status, const char *type, long long size)
{
    char head[256];
    const int n = snprintf(head, sizeof(head),
                           "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %lld\r\n"
                           "Connection: %s\r\n\r\n",
                           status, type, size, r->stays ? "keep-alive" : "close");

    return send_all(r->fd, head, (size_t)n);
}

static int send_text(const struct request *r, const char *status, const char *type,
                     const char *text)
{
    const int result = send_head(r, status, type, (long long)strlen(text));

    return result || r->only_head ? result : send_all(r->fd, text, strlen(text));
}

/* Refuse a request, after which the connection is closed: where the next begins is not known. */
static int refuse(struct request *r, const char *status)
{
    char text[80];

    r->stays = 0;
    snprintf(text, sizeof(text), "%s\n", status);
    return send_text(r, status, "text/plain", text);
}

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html"},     {".txt", "text/plain"},        {".css", "text/css"},
        {".js", "text/javascript"}, {".json", "application/json"}, {".png", "image/png"},
        {".svg", "image/svg+xml"}};
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcasecmp(dot, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

static int send_file(struct request *r, const char *path, int file, off_t size)
{
    char *block = malloc(BLOCK);
    ssize_t n = 1;
    int result;

    if (!block)
        return refuse(r, "503 Service Unavailable");
    result = send_head(r, "200 OK", type_of(path), size);
    while (!result && !r->only_head && size > 0 && n > 0) {
        n = read(file, block, size < BLOCK ? (size_t)size : BLOCK);
        if (n > 0)
            result = send_all(r->fd, block, (size_t)n);
        size -= n > 0 ? n : 0;
    }
    free(block);
    /* A file that has become shorter in the meantime ends the connection. */
    return r->only_head || size == 0 ? result : -1;
}

/* ---- Folders --------------------------------------------------------------------------------- */

/* Print a file's name as a link. All but plain characters are encoded, for HTML and URLs alike. */
static void print_link(FILE *list, const char *name, const char *end)
{
    char plain[3 * 256 + 1];
    size_t n = 0;

    for (; *name && n < sizeof(plain) - 4; name++)
        if (strchr("-_.~", *name) || (*name >= '0' && *name <= '9') ||
            ((*name | 32) >= 'a' && (*name | 32) <= 'z'))
            plain[n++] = *name;
        else
            n += (size_t)sprintf(plain + n, "%%%02X", (unsigned char)*name);
    plain[n] = '\0';
    fprintf(list, "<li><a href=\"%s%s\">%s%s</a>\n", plain, end, plain, end);
}

static int is_served(const struct stat *s)
{
    return S_ISREG(s->st_mode) || S_ISDIR(s->st_mode);
}

static void print_list(FILE *list, const char *path, DIR *folder)
{
    char full[PATH_SIZE + 256];
    const struct dirent *e;
    struct stat s;

    fprintf(list, "<!DOCTYPE html>\n<title>Files</title>\n<ul>\n");
    while ((e = readdir(folder))) {
        snprintf(full, sizeof(full), "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.' && !stat(full, &s) && is_served(&s))
            print_link(list, e->d_name, S_ISDIR(s.st_mode) ? "/" : "");
    }
    fprintf(list, "</ul>\n");
}

static int send_folder(struct request *r, const char *path)
{
    DIR *folder = opendir(path);
    char *text = NULL;
    size_t size;
    FILE *list = folder ? open_memstream(&text, &size) : NULL;
    int result = list ? 0 : -1;

    if (list) {
        print_list(list, path, folder);
        result = fclose(list);
    }
    if (folder)
        closedir(folder);
    result =
        result ? refuse(r, "503 Service Unavailable") : send_text(r, "200 OK", "text/html", text);
    free(text);
    return result;
}

static int answer_folder(struct request *r)
{
    const size_t len = strlen(r->path);
    char index[PATH_SIZE + 16];
    struct stat s;
    int file, result;

    if (r->path[len - 1] != '/') {
        r->stays = 0;
        return send_text(r, "404 Not Found", "text/plain", "a folder's name ends with a slash\n");
    }
    snprintf(index, sizeof(index), "%sindex.html", r->path);
    file = open(index, O_RDONLY);
    if (file < 0 || fstat(file, &s))
        return send_folder(r, r->path);
    result = send_file(r, index, file, s.st_size);
    close(file);
    return result;
}

static int answer(struct request *r)
{
    struct stat s;
    int file, result;

    if (stat(r->path, &s) || !is_served(&s))
        return send_text(r, "404 Not Found", "text/plain", "404 Not Found\n");
    if (S_ISDIR(s.st_mode))
        return answer_folder(r);
    file = open(r->path, O_RDONLY);
    if (file < 0)
        return refuse(r, "503 Service Unavailable");
    result = send_file(r, r->path, file, s.st_size);
    close(file);
    return result;
}

/* ---- Requests -------------------------------------------------------------------------------- */

/* Return the length of the request's head with its empty line, or 0 if it is not complete. */
static size_t head_length(const struct request *r)
{
    const char *end = strstr(r->text, "\r\n\r\n"), *short_end = strstr(r->text, "\n\n");

    if (end && (!short_end || end < short_end))
        return (size_t)(end - r->text) + 4;
    return short_end ? (size_t)(short_end - r->text) + 2 : 0;
}

static time_t seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* Receive until the request's head is complete; return its length, 0 at the end, -1 if refused. */
static ssize_t receive_head(struct request *r)
{
    const time_t end = seconds() + REQUEST_SECONDS;
    size_t head;

    while (!(head = head_length(r))) {
        const time_t left = end - seconds();
        const struct timeval limit = {.tv_sec = left > 0 ? left : 1};
        ssize_t n;

        if (r->len == REQUEST_MAX) {
            refuse(r, "431 Request Header Fields Too Large");
            return -1;
        }
        setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        n = left > 0 ? recv(r->fd, r->text + r->len, REQUEST_MAX - r->len, 0) : -1;
        if (n == 0 || (n < 0 && left > 0 && errno != EWOULDBLOCK))
            return 0;
        if (n < 0) {
            if (r->len)
                refuse(r, "408 Request Timeout");
            return -1;
        }
        if (memchr(r->text + r->len, '\0', (size_t)n)) {
            refuse(r, "400 Bad Request");
            return -1;
        }
        r->len += (size_t)n;
        r->text[r->len] = '\0';
    }
    return (ssize_t)head;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode a target's path. Return -1 if it is not one, too long, or leads upwards. */
static int decode_path(struct request *r, const char *from, const char *end)
{
    size_t n = 0;

    if (*from != '/')
        return -1;
    for (; from < end && *from != '?' && *from != '#'; from++) {
        char c = *from;

        if (c == '%') {
            const int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);

            if (low < 0 || !(high | low))
                return -1;
            c = (char)(high << 4 | low);
            from += 2;
        }
        if (n == PATH_SIZE - 1)
            return -1;
        r->path[n++] = c;
    }
    r->path[n] = '\0';
    return strstr(r->path, "/../") || (n >= 3 && !strcmp(r->path + n - 3, "/..")) ? -1 : 0;
}

/* Does the head have a field of this name with this value? Both without regard to case. */
static int has_field(const char *head, const char *name, const char *value)
{
    const size_t len = strlen(name);

    for (const char *line = strchr(head, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, len) || line[len] != ':')
            continue;
        line += len + 1;
        line += strspn(line, " \t");
        if (!value || !strncasecmp(line, value, strlen(value)))
            return 1;
    }
    return 0;
}

/* Parse a request's head, which ends with a NUL, and answer it. Return -1 to close. */
static int serve(struct request *r)
{
    char *target = strchr(r->text, ' '), *end = target ? strchr(target + 1, ' ') : NULL;
    const char *line_end = strchr(r->text, '\n');

    r->only_head = !strncmp(r->text, "HEAD ", 5);
    if (!end || end > line_end || strncmp(end, " HTTP/1.", 8))
        return refuse(r, "400 Bad Request");
    r->stays = !strncmp(end, " HTTP/1.1", 9) ? !has_field(r->text, "Connection", "close")
                                             : has_field(r->text, "Connection", "keep-alive");
    if (!r->only_head && strncmp(r->text, "GET ", 4))
        return refuse(r, "501 Not Implemented");
    if (has_field(r->text, "Content-Length", NULL) || has_field(r->text, "Transfer-Encoding", NULL))
        return refuse(r, "413 Content Too Large");
    if (decode_path(r, target + 1, end))
        return refuse(r, "400 Bad Request");
    return answer(r);
}

/* Answer the requests of a connection, one after the other; return how many there were. */
static unsigned long serve_connection(struct request *r)
{
    unsigned long count = 0;
    ssize_t head;
    char first;
    int result;

    do {
        head = receive_head(r);
        if (head == 0)
            break;
        count++;
        if (head < 0)
            break;
        first = r->text[head];
        r->text[head] = '\0';
        result = serve(r);
        r->text[head] = first;
        r->len -= (size_t)head;
        memmove(r->text, r->text + head, r->len + 1);
    } while (!result && r->stays);
    return count;
}

/*
 * Close a connection when the client has done so, too, because what it has sent and was not read
 * would otherwise make TCP reset the connection, and the answer may be lost. Not without end.
 */
static void close_connection(struct request *r)
{
    const time_t end = seconds() + CLOSE_SECONDS;
    const struct timeval limit = {.tv_sec = 1};

    shutdown(r->fd, SHUT_WR);
    setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    while (seconds() < end) {
        const ssize_t n = recv(r->fd, r->text, REQUEST_MAX, 0);

        if (n == 0 || (n < 0 && errno != EWOULDBLOCK))
            break;
    }
    close(r->fd);
}

static void count_answers(unsigned long count)
{
    pthread_mutex_lock(&mutex);
    answered += count;
    pthread_cond_signal(&change);
    pthread_mutex_unlock(&mutex);
}

static void *worker(void *argument)
{
    const struct timeval limit = {.tv_sec = SEND_SECONDS};
    static const struct request none;
    struct request *r = malloc(sizeof(*r));
    unsigned long count;

    while (r) {
        *r = none;
        r->fd = accept(listener, NULL, NULL);
        if (r->fd < 0) {
            fprintf(stderr, "httpd: cannot accept a connection: %s\n", strerror(errno));
            sleep(1);
            continue;
        }
        setsockopt(r->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        count = serve_connection(r);
        close_connection(r);
        count_answers(count);
    }
    return argument;
}

/* ---- The start ------------------------------------------------------------------------------- */

/* Return a number of an option, which is 1 to max, or end the program. */
static unsigned long number_of(const char *text, unsigned long max)
{
    char *end;
    const unsigned long number = strtoul(text, &end, 10);

    if (*end || *text < '0' || *text > '9' || !number || number > max) {
        fprintf(stderr, "httpd: '%s' is not a number from 1 to %lu\n", text, max);
        exit(2);
    }
    return number;
}

static int fail(const char *what, unsigned long port)
{
    fprintf(stderr, "httpd: cannot %s port %lu: %s\n", what, port, strerror(errno));
    return 1;
}

static int listen_on(unsigned long port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int on = 1;

    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0)
        return fail("serve", port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (const struct sockaddr *)&address, sizeof(address)))
        return fail("bind", port);
    return listen(listener, SOMAXCONN) ? fail("listen on", port) : 0;
}

int main(int argc, char **argv)
{
    unsigned long port = 80, count = 0;
    pthread_t thread;
    int option;

    while ((option = getopt(argc, argv, "p:n:")) != -1) {
        if (option == 'p')
            port = number_of(optarg, 65535);
        else if (option == 'n')
            count = number_of(optarg, 1000000000);
        else
            return 2;
    }
    if (optind < argc) {
        fprintf(stderr, "httpd: '%s' is not an option; -p PORT and -n COUNT are\n", argv[optind]);
        return 2;
    }
    if (listen_on(port))
        return 1;
    for (int i = 0; i < WORKERS; i++)
        if (pthread_create(&thread, NULL, worker, NULL)) {
            fprintf(stderr, "httpd: cannot start a thread\n");
            return 1;
        }
    printf("httpd: serving on port %lu\n", port);
    pthread_mutex_lock(&mutex);
    while (!count || answered < count)
        pthread_cond_wait(&change, &mutex);
    pthread_mutex_unlock(&mutex);
    printf("httpd: %lu requests were answered\n", count);
    return 0;
}
