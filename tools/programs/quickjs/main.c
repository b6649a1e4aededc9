/* SPDX-License-Identifier: MIT */
/*
 * Run QuickJS's own test files, each in a runtime of its own, and print one line for each. The
 * engine's command line tool needs processes and dynamic libraries, so this has what the tests use
 * of it: print, console.log, std.gc and os.setTimeout, whose timers run in the order of their
 * times, without waiting.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quickjs.h"

#define STACK_BYTES (512 << 10)
#define TIMERS_MAX  64

static struct timer {
    int64_t delay;
    JSValue function;
} timers[TIMERS_MAX];
static int nr_timers;

static JSValue print(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    for (int i = 0; i < argc; i++) {
        const char *text = JS_ToCString(context, argv[i]);

        if (!text)
            return JS_EXCEPTION;
        printf("%s%s", i ? " " : "", text);
        JS_FreeCString(context, text);
    }
    putchar('\n');
    return JS_UNDEFINED;
}

static JSValue collect(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    JS_RunGC(JS_GetRuntime(context));
    return JS_UNDEFINED;
}

static JSValue set_timeout(JSContext *context, JSValueConst self, int argc, JSValueConst *argv)
{
    int64_t delay;

    if (JS_ToInt64(context, &delay, argv[1]))
        return JS_EXCEPTION;
    if (nr_timers == TIMERS_MAX)
        return JS_ThrowInternalError(context, "more than %d timers", TIMERS_MAX);
    timers[nr_timers++] = (struct timer){delay, JS_DupValue(context, argv[0])};
    return JS_UNDEFINED;
}

static void set_function(JSContext *context, JSValueConst object, const char *name,
                         JSCFunction *function, int length)
{
    JS_SetPropertyStr(context, object, name, JS_NewCFunction(context, function, name, length));
}

static void set_globals(JSContext *context)
{
    JSValue global = JS_GetGlobalObject(context), console = JS_NewObject(context);
    JSValue std = JS_NewObject(context), os = JS_NewObject(context);

    set_function(context, global, "print", print, 1);
    set_function(context, console, "log", print, 1);
    set_function(context, std, "gc", collect, 0);
    set_function(context, os, "setTimeout", set_timeout, 2);
    JS_SetPropertyStr(context, global, "console", console);
    JS_SetPropertyStr(context, global, "std", std);
    JS_SetPropertyStr(context, global, "os", os);
    JS_FreeValue(context, global);
}

/* Return a file's bytes, which end in a zero byte, or NULL. */
static char *contents(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *bytes = NULL;
    long end;

    if (!file)
        return NULL;
    if (!fseek(file, 0, SEEK_END) && (end = ftell(file)) >= 0 &&
        (bytes = calloc(1, (size_t)end + 1))) {
        rewind(file);
        *size = fread(bytes, 1, (size_t)end, file);
    }
    fclose(file);
    return bytes;
}

static JSModuleDef *load_module(JSContext *context, const char *name, void *unused)
{
    size_t size = 0;
    char *bytes = contents(name, &size);
    JSModuleDef *module = NULL;
    JSValue value;

    if (!bytes) {
        JS_ThrowReferenceError(context, "cannot read the module %s", name);
        return NULL;
    }
    value = JS_Eval(context, bytes, size, name, JS_EVAL_TYPE_MODULE | JS_EVAL_FLAG_COMPILE_ONLY);
    free(bytes);
    if (!JS_IsException(value)) {
        module = JS_VALUE_GET_PTR(value);
        JS_FreeValue(context, value);
    }
    return module;
}

/* Run promises' jobs and timers until none is left; return whether none threw. */
static bool run_pending(JSContext *context)
{
    JSContext *of_job;
    int more;

    for (;;) {
        int next = 0;
        struct timer timer;
        JSValue result;

        while ((more = JS_ExecutePendingJob(JS_GetRuntime(context), &of_job)) > 0)
            ;
        if (more < 0)
            return false;
        if (!nr_timers)
            return true;
        for (int i = 1; i < nr_timers; i++)
            if (timers[i].delay < timers[next].delay)
                next = i;
        timer = timers[next];
        memmove(&timers[next], &timers[next + 1], (size_t)(--nr_timers - next) * sizeof(timer));
        result = JS_Call(context, timer.function, JS_UNDEFINED, 0, NULL);
        JS_FreeValue(context, timer.function);
        if (JS_IsException(result))
            return false;
        JS_FreeValue(context, result);
    }
}

static bool run(JSContext *context, const char *path)
{
    size_t size = 0;
    char *bytes = contents(path, &size);
    int kind;
    JSValue result;
    bool passed;

    if (!bytes)
        return false;
    kind = JS_DetectModule(bytes, size) ? JS_EVAL_TYPE_MODULE : JS_EVAL_TYPE_GLOBAL;
    result = JS_Eval(context, bytes, size, path, kind);
    free(bytes);
    passed = !JS_IsException(result) && run_pending(context);
    if (passed && kind == JS_EVAL_TYPE_MODULE)
        passed = JS_PromiseState(context, result) == JS_PROMISE_FULFILLED;
    JS_FreeValue(context, result);
    return passed;
}

static bool run_file(const char *path)
{
    JSRuntime *runtime = JS_NewRuntime();
    JSContext *context = JS_NewContext(runtime);
    bool passed;

    JS_SetMaxStackSize(runtime, STACK_BYTES);
    JS_SetModuleLoaderFunc(runtime, NULL, load_module, NULL);
    set_globals(context);
    passed = run(context, path);
    if (!passed) {
        JSValue thrown = JS_GetException(context);
        const char *text = JS_ToCString(context, thrown);

        printf("case %s: failed: %s\n", path, text ? text : "it cannot be read");
        JS_FreeCString(context, text);
        JS_FreeValue(context, thrown);
    } else {
        printf("case %s: passed\n", path);
    }
    JS_FreeContext(context);
    JS_FreeRuntime(runtime);
    return passed;
}

int main(int argc, char **argv)
{
    bool passed = argc > 1;

    for (int i = 1; i < argc; i++)
        passed = run_file(argv[i]) && passed;
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
