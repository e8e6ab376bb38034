/* Preloaded into a router. Names under ".silent.test" have no answer, as when every name server is dead, but without
 * the end that the system's resolver puts to it. Those under ".four.test" have 127.0.0.1 as their address, those under
 * ".six.test" ::1, those under ".both.test" first ::1 and then 127.0.0.1, those under ".two.test" 127.0.0.1 and
 * 127.0.0.2. The rest goes to the system. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *, const char *, const struct addrinfo *, struct addrinfo **);

static int is_under(const char *name, const char *ending) {
    size_t length = name ? strlen(name) : 0;
    return length >= strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0;
}

/* freeaddrinfo of glibc frees each entry of a list alone. */
static int both(look_up *real, const char *first, const char *second, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    struct addrinfo *rest, *last;
    int fault = real(first, service, hints, found);
    if (fault == 0 && (fault = real(second, service, hints, &rest)) == 0) {
        for (last = *found; last->ai_next; last = last->ai_next) {
        }
        last->ai_next = rest;
    }
    return fault;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    while (is_under(node, ".silent.test")) {
        pause();
    }
    look_up *real = (look_up *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (is_under(node, ".both.test")) {
        return both(real, "::1", "127.0.0.1", service, hints, found);
    }
    if (is_under(node, ".two.test")) {
        return both(real, "127.0.0.1", "127.0.0.2", service, hints, found);
    }
    if (is_under(node, ".four.test")) {
        node = "127.0.0.1";
    } else if (is_under(node, ".six.test")) {
        node = "::1";
    }
    return real(node, service, hints, found);
}
