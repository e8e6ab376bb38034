/* Preloaded into a router: getaddrinfo never answers for names under ".silent.test", as when every name server is
 * dead, but without the end that the system's resolver puts to it. The rest goes to the system. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

static int is_silent(const char *name) {
    static const char ending[] = ".silent.test";
    size_t length = name ? strlen(name) : 0;
    return length >= sizeof ending - 1 && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    while (is_silent(node)) {
        pause();
    }
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
        (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, found);
}
