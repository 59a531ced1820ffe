// A wall clock that a test sets: loaded before a process's libraries (LD_PRELOAD), it adds the
// seconds in the file WALL_CLOCK_OFFSET (a 64-bit integer) to what the process is told of the time
// of day. Every other clock is left alone, as when somebody sets a host's clock.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *ahead;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("WALL_CLOCK_OFFSET");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (page != MAP_FAILED) ahead = page;
  if (file >= 0) close(file);
}

static int64_t offset(void) { return ahead ? *ahead : 0; }

int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*next)(clockid_t, struct timespec *);
  if (!next) next = dlsym(RTLD_NEXT, "clock_gettime");
  int failed = next(id, now);
  if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) now->tv_sec += offset();
  return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  *now = (struct timeval){exact.tv_sec, exact.tv_nsec / 1000};
  return 0;
}

time_t time(time_t *out) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (out) *out = exact.tv_sec;
  return exact.tv_sec;
}

// Deadlines by the wall clock are the kernel's own again.

static struct timespec real(const struct timespec *until) {
  return (struct timespec){until->tv_sec - offset(), until->tv_nsec};
}

// A clock that is set while somebody waits moves the end of the wait: here he is woken ten times a
// second, as can happen at any time, to look at the clock. Conditions by the monotonic clock, which
// counts from the host's start, are left alone.
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
  static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
  if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  if (until->tv_sec < 1000000000) return next(cond, mutex, until);
  struct timespec at = real(until), soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon = real(&soon);
  soon.tv_nsec += 100000000;
  if (soon.tv_nsec >= 1000000000) soon = (struct timespec){soon.tv_sec + 1, soon.tv_nsec % 1000000000};
  int is_last = at.tv_sec < soon.tv_sec || (at.tv_sec == soon.tv_sec && at.tv_nsec <= soon.tv_nsec);
  int failed = next(cond, mutex, is_last ? &at : &soon);
  return is_last || failed != ETIMEDOUT ? failed : 0;
}

int sem_timedwait(sem_t *restrict sem, const struct timespec *restrict until) {
  static int (*next)(sem_t *, const struct timespec *);
  if (!next) next = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec at = real(until);
  return next(sem, &at);
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict mutex, const struct timespec *restrict until) {
  static int (*next)(pthread_mutex_t *, const struct timespec *);
  if (!next) next = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
  struct timespec at = real(until);
  return next(mutex, &at);
}

long syscall(long n, ...) {
  static long (*next)(long, ...);
  if (!next) next = dlsym(RTLD_NEXT, "syscall");
  va_list list;
  va_start(list, n);
  long a = va_arg(list, long), b = va_arg(list, long), c = va_arg(list, long);
  long d = va_arg(list, long), e = va_arg(list, long), f = va_arg(list, long);
  va_end(list);
  struct timespec at;
  int waits = (b & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && (b & FUTEX_CLOCK_REALTIME);
  if (n == SYS_futex && waits && d) {
    at = real((const struct timespec *)d);
    d = (long)&at;
  }
  return next(n, a, b, c, d, e, f);
}
