/* Runs all checks of the C API: `check [vectors|handshakes|trust|encoder|misuse]...`. */
#include "check.h"

#include <stdlib.h>

unsigned long checks;

static const struct {
    const char *name;
    void (*run)(void);
} parts[] = {
    {"vectors", check_vectors}, {"handshakes", check_handshakes}, {"trust", check_trust},
    {"encoder", check_encoder}, {"misuse", check_misuse},
};

void failed(const char *condition, const char *file, int line, const char *id)
{
    fprintf(stderr, "%s:%d: not so: %s%s%s\n", file, line, condition, id != NULL ? ", vector " : "",
            id != NULL ? id : "");
    abort();
}

int main(int argc, char **argv)
{
    size_t part;
    int at;
    int run = 0;

    for (part = 0; part < sizeof parts / sizeof *parts; part++) {
        int wanted = argc < 2;

        for (at = 1; at < argc; at++)
            wanted |= strcmp(argv[at], parts[part].name) == 0;
        if (wanted) {
            unsigned long before = checks;

            parts[part].run();
            printf("%s: %lu checks\n", parts[part].name, checks - before);
            run++;
        }
    }
    return run > 0 && (argc < 2 || run == argc - 1) ? 0 : 2;
}
