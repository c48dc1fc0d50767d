/* The headers in C++, in several of its standards: a program written for QNX compiles without a warning. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

int main(void)
{
    static const char *const standards[] = {"gnu++11", "gnu++17", "gnu++20"};
    char command[400];

    if (system("g++ --version > /dev/null 2>&1") != 0) {
        puts("no g++ here");
        return 77;
    }
    for (unsigned i = 0; i < sizeof standards / sizeof *standards; i++) {
        snprintf(command, sizeof command,
            "g++ -std=%s -Wall -Wextra -Werror -Iinclude -c -o /dev/null tests/source/qnx_program.cc",
                 standards[i]);
        if (system(command) != 0) return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
