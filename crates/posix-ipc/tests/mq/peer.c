/* The C side of interop.rs: receives, is notified, waits, times out and sends. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static mqd_t queue;

static void say_next(void)
{
    char text[64];
    unsigned priority;
    ssize_t length = mq_receive(queue, text, sizeof text, &priority);
    if (length < 0) {
        perror("mq_receive");
        exit(1);
    }
    printf("%u %.*s\n", priority, (int)length, text);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct mq_attr attributes;
    struct sigevent event;
    struct timespec soon;
    sigset_t set;
    siginfo_t info;
    char text[64];

    queue = mq_open(argc > 1 ? argv[1] : "", O_RDWR);
    if (queue == (mqd_t)-1) {
        perror("mq_open");
        return 1;
    }
    mq_getattr(queue, &attributes);
    printf("geometry %ld %ld %ld\n", attributes.mq_maxmsg, attributes.mq_msgsize,
           attributes.mq_curmsgs);
    say_next();
    say_next();

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_int = 42;
    if (mq_notify(queue, &event) != 0) {
        perror("mq_notify");
        return 1;
    }
    printf("registered\n");
    fflush(stdout);
    sigwaitinfo(&set, &info);
    printf("signal %d value %d\n", info.si_code, info.si_value.sival_int);
    say_next();

    say_next();
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec = 0;
    if (mq_timedreceive(queue, text, sizeof text, NULL, &soon) == -1 && errno == ETIMEDOUT)
        printf("timed out\n");
    fflush(stdout);
    return mq_send(queue, "from c", 6, 32767);
}
