/**
 * Settings for glibc's allocator, in the environment of every program that we start. By default it keeps an arena for
 * each thread and returns little of their memory: some 10 MiB of an idle manager, and as much at the peak of four large
 * downloads. The settings cost no processor time. Source: mallopt(3).
 */
export const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '65536' };
