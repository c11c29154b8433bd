/* What the C headers say, to be compared with what is compiled into the library. */
#include <limits.h>
#include <semaphore.h>
#include <stdio.h>

int main(void)
{
    printf("sem_t size %zu\n", sizeof(sem_t));
    printf("sem_t align %zu\n", _Alignof(sem_t));
    printf("SEM_VALUE_MAX %lld\n", (long long)SEM_VALUE_MAX);
    return 0;
}
