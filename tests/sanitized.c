/* What is built with sanitizers is linked with this: their options, and the findings that are
 * others' and cannot be helped.
 *
 * Open MPI unloads its modules when it ends, and LeakSanitizer, which looks after that, could not
 * name whose a leak was: so nothing is unloaded. Stacks are unwound with care, since the libraries
 * have no frame pointers, and a leak is known by any library that it was allocated in.
 * Refused: no look for leaks on many ranks; one's own are found so. */
int dlclose(void *handle);
const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__tsan_default_suppressions(void);

int dlclose(void *handle) {
    (void)handle;
    return 0;
}

/* Memory that cannot be had is NULL, as it is for the program, and no finding. */
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1:fast_unwind_on_malloc=0";
}

/* HDF5 leaks what it had of a file that is damaged or cannot be closed, fontconfig what cairo asked
 * it for, Open MPI some of what it made at its start. */
const char *__lsan_default_suppressions(void) {
    return "leak:libhdf5_serial.so\n"
           "leak:libfontconfig.so\n"
           "leak:libmpi.so\n"
           "leak:libpmix.so\n"
           "leak:__pthread_getattr_np\n"; /* of a thread that starts while the program ends */
}

/* Open MPI takes two of its locks in either order when it starts; and threads that call it at once
 * meet by atomics in code that ThreadSanitizer has not seen being compiled. */
const char *__tsan_default_suppressions(void) {
    return "deadlock:mca_btl_tcp.so\n"
           "race:libmpi.so\n"
           "race:libopen-pal.so\n"
           "race:mca_pml_ob1.so\n"
           "race:mca_btl_*.so\n";
}
