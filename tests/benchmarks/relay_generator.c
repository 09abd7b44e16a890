/*
 * The load of the relay's benchmark: packets at a steady rate over sockets that were
 * handed over, what arrives counted and timed, and the CPU of the server read before
 * and after.  tests/benchmarks/relay_generator.py compiles it, writes the plan to its
 * standard input and reads the one line of JSON that it prints.
 *
 * The plan is lines of words:
 *   run NUMBER        marks the packets, so that those of an earlier run do not count
 *   server PID        whose CPU is read, all threads
 *   core NUMBER       where this program stays
 *   spinner CORE      start something that never rests there
 *   rate NUMBER       packets a second; 0: twice what arrives
 *   warm SECONDS      sent before, and not measured
 *   seconds SECONDS   measured
 *   flow SENDER RECEIVER OUT IN    sockets; channels, 0 without ChannelData
 *   binding SOCKET    Binding requests and their answers
 *
 * Every socket is connected, so the system itself checks where a packet comes from.
 * It polls without ever sleeping.  Packets go out one by one, round the flows, each at
 * its own moment: as many clients do, and not in bursts that one of them would send.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FLOWS 256
#define PAYLOAD 100
#define BATCH 32
#define SAMPLES (1u << 22)
#define SECOND 1000000000ull
#define BEHIND 2000000ull          /* ns that it may fall behind and catch up */
#define TIMEOUT 60                 /* seconds, the whole run */
#define FASTEST 600000            /* packets a second */
#define MOST_SENT 40000000ull

struct flow {
    int sender, receiver, binding;
    uint16_t out, in;
    uint64_t sent, last;
    unsigned char packet[4 + PAYLOAD];
    size_t length;
};

struct counts {
    uint64_t sent, delivered, wrong, stale, misordered, refused;
};

static struct flow flows[FLOWS];
static struct pollfd polled[FLOWS];
static int flow_count;
static uint32_t run_number;
static struct counts counts;
static uint32_t *samples;
static uint32_t sample_count;
static int sampling;
static unsigned char buffers[BATCH][2048];
static struct mmsghdr messages[BATCH];
static pid_t spinner_process;

static void fail(const char *what)
{
    fprintf(stderr, "relay_generator: %s: %s\n", what, strerror(errno));
    if (spinner_process > 0)
        kill(spinner_process, SIGKILL);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void stay_on(int core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores))
        fail("sched_setaffinity");
}

static void start_spinner(int core)
{
    spinner_process = fork();
    if (spinner_process < 0)
        fail("fork");
    if (spinner_process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(TIMEOUT);
        stay_on(core);
        for (volatile uint64_t turns = 0;; turns++)
            ;
    }
}

/* The nanoseconds that all threads of a process have run. */
static uint64_t cpu_ns(int process)
{
    char path[320];
    uint64_t total = 0;
    snprintf(path, sizeof path, "/proc/%d/task", process);
    DIR *tasks = opendir(path);
    if (!tasks)
        fail(path);
    for (struct dirent *task; (task = readdir(tasks));) {
        uint64_t ran;
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", process, task->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            fail(path);
        if (fscanf(file, "%" SCNu64, &ran) != 1)
            fail(path);
        fclose(file);
        total += ran;
    }
    closedir(tasks);
    return total;
}

/* How many datagrams the receiving sockets themselves have thrown away. */
static uint64_t dropped_here(void)
{
    uint64_t total = 0;
    for (int i = 0; i < flow_count; i++) {
        uint32_t information[16] = {0};
        socklen_t size = sizeof information;
        if (getsockopt(flows[i].receiver, SOL_SOCKET, SO_MEMINFO, information, &size))
            fail("SO_MEMINFO");
        total += information[8];  /* SK_MEMINFO_DROPS */
    }
    return total;
}

static void prepare(struct flow *flow)
{
    static const unsigned char request[8] = {0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42};
    if (flow->binding) {
        memcpy(flow->packet, request, sizeof request);
        flow->length = 20;
    } else {
        size_t header = flow->out ? 4 : 0;
        if (flow->out) {
            flow->packet[0] = flow->out >> 8;
            flow->packet[1] = flow->out & 255;
            flow->packet[3] = PAYLOAD;
        }
        memset(flow->packet + header, 'g', PAYLOAD);
        flow->length = header + PAYLOAD;
    }
}

/* A Binding request's transaction: run and number in 4 bytes, the time in 8.
 * A payload: run, flow, number, time, and 76 bytes of nothing. */
static void send_one(struct flow *flow, uint32_t place)
{
    uint64_t number = ++flow->sent, now = now_ns();
    if (flow->binding) {
        uint32_t mark = run_number << 24 | (number & 0xFFFFFF);
        memcpy(flow->packet + 8, &mark, 4);
        memcpy(flow->packet + 12, &now, 8);
    } else {
        unsigned char *payload = flow->packet + (flow->out ? 4 : 0);
        memcpy(payload, &run_number, 4);
        memcpy(payload + 4, &place, 4);
        memcpy(payload + 8, &number, 8);
        memcpy(payload + 16, &now, 8);
    }
    counts.sent++;
    if (send(flow->sender, flow->packet, flow->length, MSG_DONTWAIT) != (ssize_t)flow->length)
        counts.refused++;
}

static void arrived(struct flow *flow, uint32_t place, unsigned char *data, size_t length,
                    uint64_t now)
{
    uint64_t number, sent;
    if (flow->binding) {
        uint32_t mark;
        if (length < 32 || data[0] != 1 || data[1] != 1) {
            counts.wrong++;
            return;
        }
        memcpy(&mark, data + 8, 4);
        memcpy(&sent, data + 12, 8);
        number = mark & 0xFFFFFF;
        if (mark >> 24 != (run_number & 255)) {
            counts.stale++;
            return;
        }
    } else {
        uint32_t run, from;
        if (flow->in) {
            if (length < 4 || (data[0] << 8 | data[1]) != flow->in
                || (data[2] << 8 | data[3]) != PAYLOAD) {
                counts.wrong++;
                return;
            }
            data += 4;
            length -= 4;
        }
        if (length != PAYLOAD || data[PAYLOAD - 1] != 'g') {
            counts.wrong++;
            return;
        }
        memcpy(&run, data, 4);
        memcpy(&from, data + 4, 4);
        memcpy(&number, data + 8, 8);
        memcpy(&sent, data + 16, 8);
        if (run != run_number) {
            counts.stale++;
            return;
        }
        if (from != place) {
            counts.wrong++;
            return;
        }
    }
    if (number <= flow->last)
        counts.misordered++;
    else
        flow->last = number;
    counts.delivered++;
    if (sampling && sample_count < SAMPLES)
        samples[sample_count++] = now > sent ? (uint32_t)((now - sent) / 10) : 0;
}

static void receive_all(void)
{
    if (poll(polled, flow_count, 0) <= 0)
        return;
    for (int i = 0; i < flow_count; i++) {
        if (!polled[i].revents)
            continue;
        int count;
        do {
            count = recvmmsg(polled[i].fd, messages, BATCH, MSG_DONTWAIT, NULL);
            uint64_t now = now_ns();
            for (int each = 0; each < count; each++)
                arrived(&flows[i], i, buffers[each], messages[each].msg_len, now);
            if (count < 0 && errno != EAGAIN && errno != EINTR)
                counts.wrong++;
        } while (count == BATCH);
    }
}

/* Go on until everything arrived, or nothing has for a while. */
static void drain(void)
{
    uint64_t quiet = now_ns(), before = counts.delivered, started = quiet;
    uint64_t now = quiet;
    while (counts.delivered < counts.sent && now - quiet < SECOND / 10 && now - started < 3 * SECOND) {
        receive_all();
        now = now_ns();
        if (counts.delivered != before) {
            before = counts.delivered;
            quiet = now;
        }
    }
}

/* Send for a while: at a rate, or, where that is 0, at one that follows what arrives. */
static void offer(double seconds, double rate, double *adapted)
{
    static int place;
    uint64_t started = now_ns(), ends = started + (uint64_t)(seconds * SECOND), now = started;
    double due = (double)started, interval = SECOND / (rate > 0 ? rate : *adapted);
    uint64_t looked = started, had = counts.delivered, sent = counts.sent;
    while ((now = now_ns()) < ends && counts.sent < MOST_SENT) {
        if ((double)now - due > (double)BEHIND)
            due = (double)(now - BEHIND);
        for (int burst = 0; burst < BATCH && due <= (double)now; burst++) {
            send_one(&flows[place], place);
            place = place + 1 < flow_count ? place + 1 : 0;
            due += interval;
        }
        receive_all();
        if (rate == 0 && now - looked > SECOND / 20 && counts.sent > sent) {
            double turn = 2.0 * (double)(counts.delivered - had) / (double)(counts.sent - sent);
            *adapted *= turn < 0.7 ? 0.7 : turn > 1.5 ? 1.5 : turn;
            *adapted = *adapted < FASTEST ? *adapted : FASTEST;
            interval = SECOND / *adapted;
            looked = now;
            had = counts.delivered;
            sent = counts.sent;
        }
    }
}

static int by_size(const void *one, const void *other)
{
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

static double percentile(double part)
{
    return sample_count ? samples[(uint32_t)((sample_count - 1) * part)] / 100.0 : 0;
}

int main(void)
{
    char line[256];
    double rate = 0, warm = 0, seconds = 0;
    int server = 0, core = -1, spinner = -1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(TIMEOUT);
    while (fgets(line, sizeof line, stdin)) {
        struct flow flow = {0};
        unsigned out, in;
        if (sscanf(line, "flow %d %d %u %u", &flow.sender, &flow.receiver, &out, &in) == 4) {
            flow.out = out;
            flow.in = in;
        } else if (sscanf(line, "binding %d", &flow.sender) == 1) {
            flow.receiver = flow.sender;
            flow.binding = 1;
        } else if (sscanf(line, "run %" SCNu32, &run_number) == 1
                   || sscanf(line, "server %d", &server) == 1
                   || sscanf(line, "core %d", &core) == 1
                   || sscanf(line, "spinner %d", &spinner) == 1
                   || sscanf(line, "rate %lf", &rate) == 1
                   || sscanf(line, "warm %lf", &warm) == 1
                   || sscanf(line, "seconds %lf", &seconds) == 1) {
            continue;
        } else {
            errno = EINVAL;
            fail(line);
        }
        errno = E2BIG;
        if (flow_count == FLOWS)
            fail("too many flows");
        prepare(&flow);
        flows[flow_count] = flow;
        polled[flow_count++] = (struct pollfd){flow.receiver, POLLIN, 0};
    }
    errno = EINVAL;
    if (!flow_count || server <= 0 || core < 0 || seconds <= 0 || rate < 0)
        fail("an incomplete plan");
    static struct iovec vectors[BATCH];
    for (int i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){buffers[i], sizeof buffers[i]};
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    if (!(samples = calloc(SAMPLES, sizeof *samples)))
        fail("calloc");
    memset(samples, 1, SAMPLES * sizeof *samples);
    if (spinner >= 0)
        start_spinner(spinner);
    stay_on(core);
    receive_all();  /* what an earlier run left */
    counts = (struct counts){0};

    uint64_t dropped = dropped_here();
    double adapted = 100000;
    if (warm > 0)
        offer(warm, rate, &adapted);
    drain();
    struct counts early = counts;
    uint64_t cpu = cpu_ns(server), started = now_ns();
    sampling = 1;
    offer(seconds, rate, &adapted);
    double lasted = (double)(now_ns() - started) / SECOND;
    uint64_t meanwhile = counts.delivered - early.delivered;
    drain();
    cpu = cpu_ns(server) - cpu;
    if (spinner_process > 0)
        kill(spinner_process, SIGKILL);
    qsort(samples, sample_count, sizeof *samples, by_size);
    printf("{\"sent\": %" PRIu64 ", \"delivered\": %" PRIu64 ", \"all_delivered\": %" PRIu64
           ", \"meanwhile\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"seconds\": %.6f"
           ", \"wrong\": %" PRIu64 ", \"stale\": %" PRIu64 ", \"misordered\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"dropped_here\": %" PRIu64
           ", \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
           counts.sent - early.sent, counts.delivered - early.delivered, counts.delivered,
           meanwhile, cpu, lasted, counts.wrong, counts.stale, counts.misordered,
           counts.refused, dropped_here() - dropped, percentile(0.5), percentile(0.99));
    return 0;
}
