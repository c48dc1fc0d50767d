/* The tables of what is measured. Entries stand in the order in which they are printed. */
#include "plan.h"

#include "contender.h"

#define C(name) {LANGUAGE_C, name}
#define JAVA(name) {LANGUAGE_JAVA, name}

const size_t plan_sizes[PLAN_SIZES] = {8, 64, 4096, 65536, 1048576};

enum { SMALL = 1, SMALL_AND_PAGE = 1 | 4, ALL_SIZES = 31, ALL_BUT_LINE = 29, UP_TO_PACKET = 15 }; /* bits into plan_sizes */
enum { WORD = 8, PAGE = 4096, PACKET = 65536, LARGEST = BENCH_LARGEST };

const struct entry plan_entries[] = {
    {"cacheline", "cache line (the limit)", C("cacheline"), C("cacheline"), KIND_TWO, 0, 8, 8, true, true},
    {"copy", "in, out, in, out: copied", C("copy"), C("copy"), KIND_TWO, 0, 4096, LARGEST, true, true},
    {"futex", "raw futex", C("futex"), C("futex"), KIND_ANY, 0, 8, LARGEST, false, false},
    {"seqpacket", "AF_UNIX seqpacket", C("seqpacket"), C("seqpacket"), KIND_ANY, 0, 8, LARGEST, false, false},
    {"ours-c-c", "ours C-C", C("qnx"), C("qnx"), KIND_ANY | KIND_GATES, 0, 8, LARGEST, true, false},
    {"ours-c-c-again", "the same again (control)", C("qnx"), C("qnx"), KIND_GATES, 0, 8, WORD, true, false},
    {"ours-java-java", "ours Java-Java", JAVA("qnx"), JAVA("qnx"), KIND_SINGLE | KIND_PACED | KIND_GATES,
     KIND_PAIRS | KIND_CLIENTS | KIND_PINNED_PACED, 8, LARGEST, true, false},
    {"ours-java-java-again", "the same again (control)", JAVA("qnx"), JAVA("qnx"), KIND_GATES, 0, 8, WORD, true, false},
    {"ours-java-c", "ours Java server, C client", JAVA("qnx"), C("qnx"), KIND_SINGLE | KIND_PACED, 0, 8, LARGEST, true,
     false},
    {"ours-c-java", "ours C server, Java client", C("qnx"), JAVA("qnx"), KIND_SINGLE | KIND_PACED, 0, 8, LARGEST, true,
     false},
    {"mm-raw", "sendmsg and recvmsg", C("sendmsg"), C("sendmsg"), KIND_DATAGRAMS, 0, 8, PACKET, false, false},
    {"mm-raw-again", "the same again (control)", C("sendmsg"), C("sendmsg"), KIND_DATAGRAMS, 0, 8, PACKET, false, false},
    {"mm-c-c", "ours C-C, mmlib", C("mm"), C("mm"), KIND_DATAGRAMS, 0, 8, PACKET, false, false},
    {"mm-java-java", "ours Java-Java, mmlib", JAVA("mm"), JAVA("mm"), KIND_DATAGRAMS, 0, 8, PACKET, false, false},
    {"l4-c-c", "ours C-C, L4", C("l4"), C("l4"), KIND_GATES, 0, 8, LARGEST, true, false},
    {"l4-java-java", "ours Java-Java, L4", JAVA("l4"), JAVA("l4"), KIND_GATES, 0, 8, LARGEST, true, false},
    {"l4-send-c-c", "ours C-C, L4 send, receive", C("l4-send"), C("l4-send"), KIND_GATES, 0, 8, WORD, true, false},
    {"l4-send-java-java", "ours Java-Java, L4 send", JAVA("l4-send"), JAVA("l4-send"), KIND_GATES, 0, 8, WORD, true, false},
    {"l4-one-way-c-c", "ours C-C, L4 one way", C("l4-one-way"), C("l4-one-way"), KIND_GATES, 0, 8, WORD, true, false},
    {"l4-one-way-java-java", "ours Java-Java, L4 one way", JAVA("l4-one-way"), JAVA("l4-one-way"), KIND_GATES, 0, 8, WORD, true,
     false},
    {"fluke-c-c", "ours C-C, Fluke", C("fluke"), C("fluke"), KIND_GATES, 0, 8, LARGEST, true, false},
    {"fluke-java-java", "ours Java-Java, Fluke", JAVA("fluke"), JAVA("fluke"), KIND_GATES, 0, 8, LARGEST, true, false},
    {"fluke-turns-c-c", "ours C-C, Fluke turns", C("fluke-turns"), C("fluke-turns"), KIND_GATES, 0, 8, PAGE, true, false},
    {"fluke-turns-java-java", "ours Java-Java, Fluke turns", JAVA("fluke-turns"), JAVA("fluke-turns"), KIND_GATES, 0, 8, PAGE,
     true, false},
    {"jdk", "JDK Unix SocketChannel", JAVA("jdk"), JAVA("jdk"), KIND_SINGLE | KIND_PACED, KIND_CLIENTS, 8, LARGEST,
     false, false},
    {"aeron", "Aeron IPC", JAVA("aeron"), JAVA("aeron"), KIND_SINGLE, 0, 8, LARGEST, true, true},
};
const int plan_entry_count = sizeof plan_entries / sizeof *plan_entries;
_Static_assert(sizeof plan_entries / sizeof *plan_entries <= PLAN_ENTRIES_MOST, "an entry too many");

const struct group plan_groups[] = {
    {"two", "1 client, two CPUs", KIND_TWO, PLACE_TWO, 1, 1, ALL_SIZES, ALL_SIZES, false, false},
    {"one", "1 client, one CPU", KIND_ONE, PLACE_ONE, 1, 1, ALL_BUT_LINE, ALL_SIZES, false, false},
    {"unpinned", "1 client, unpinned", KIND_UNPINNED, PLACE_UNPINNED, 1, 1, ALL_BUT_LINE, ALL_SIZES, false, true},
    {"clients-2", "2 clients, 1 server, on two CPUs", KIND_CLIENTS, PLACE_BOTH, 1, 2, SMALL, SMALL_AND_PAGE, false,
     false},
    {"clients-4", "4 clients, 1 server, on two CPUs", KIND_CLIENTS, PLACE_BOTH, 1, 4, SMALL, SMALL_AND_PAGE, false,
     false},
    {"clients-8", "8 clients, 1 server, on two CPUs", KIND_CLIENTS, PLACE_BOTH, 1, 8, SMALL, SMALL_AND_PAGE, false,
     false},
    {"pairs-2", "2 pairs on two CPUs", KIND_PAIRS, PLACE_BOTH, 2, 1, SMALL, SMALL_AND_PAGE, false, false},
    {"pairs-4", "4 pairs on two CPUs", KIND_PAIRS, PLACE_BOTH, 4, 1, SMALL, SMALL_AND_PAGE, false, false},
    {"paced", "a call each 1 to 2 ms, unpinned", KIND_PACED, PLACE_UNPINNED, 1, 1, SMALL, SMALL_AND_PAGE, false, false},
    {"paced-two", "a call each 1 to 2 ms, two CPUs", KIND_PINNED_PACED, PLACE_TWO, 1, 1, SMALL, SMALL, true, false},
    {"paced-one", "a call each 1 to 2 ms, one CPU", KIND_PINNED_PACED, PLACE_ONE, 1, 1, SMALL, SMALL, true, false},
    {"gates-two", "all gates, two CPUs", KIND_GATES, PLACE_TWO, 1, 1, SMALL, ALL_SIZES, false, false},
    {"gates-one", "all gates, one CPU", KIND_GATES, PLACE_ONE, 1, 1, SMALL, ALL_SIZES, false, false},
    {"gates-unpinned", "all gates, unpinned", KIND_GATES, PLACE_UNPINNED, 1, 1, SMALL, ALL_SIZES, false, true},
    {"datagrams-two", "datagrams, two CPUs", KIND_DATAGRAMS, PLACE_TWO, 1, 1, SMALL_AND_PAGE, UP_TO_PACKET, false, false},
    {"datagrams-one", "datagrams, one CPU", KIND_DATAGRAMS, PLACE_ONE, 1, 1, SMALL_AND_PAGE, UP_TO_PACKET, false, false},
};
const int plan_group_count = sizeof plan_groups / sizeof *plan_groups;
_Static_assert(sizeof plan_groups / sizeof *plan_groups <= PLAN_GROUPS_MOST, "a group too many");

const char *plan_size_name(size_t size)
{
    static const char *const names[PLAN_SIZES] = {"8 B", "64 B", "4 KiB", "64 KiB", "1 MiB"};
    for (int i = 0; i < PLAN_SIZES; i++)
        if (plan_sizes[i] == size)
            return names[i];
    return "?";
}

int plan_entry(const char *id)
{
    for (int i = 0; i < plan_entry_count; i++)
        if (!strcmp(plan_entries[i].id, id))
            return i;
    return -1;
}

int plan_group(const char *id)
{
    for (int i = 0; i < plan_group_count; i++)
        if (!strcmp(plan_groups[i].id, id))
            return i;
    return -1;
}
