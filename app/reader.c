/* SPDX-License-Identifier: MIT */
/*
 * Read a file of the boot module, and answer questions about it at the console. Run it by
 * ./run.sh boot --run app:reader, with --module FOLDER --append "-- FILE" for a file of your own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 1000

static char *lines[LINES_MAX];
static int count;

static int read_lines(const char *path)
{
    char text[256];
    FILE *file = fopen(path, "r");

    if (!file) {
        printf("%s: %s\n", path, strerror(errno));
        return 0;
    }
    while (count < LINES_MAX && fgets(text, sizeof(text), file))
        lines[count++] = strdup(text);
    fclose(file);
    return 1;
}

/* Print the line of that number, or all lines that contain the text. */
static void answer(const char *question)
{
    int number = atoi(question), found = 0;

    if (number >= 1 && number <= count) {
        fputs(lines[number - 1], stdout);
        return;
    }
    for (int i = 0; i < count; i++)
        if (strstr(lines[i], question) && ++found)
            printf("%d: %s", i + 1, lines[i]);
    if (!found)
        puts("not there");
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 ? argv[1] : "/reader/questions";
    char question[80];

    if (!read_lines(path))
        return 1;
    printf("%s has %d lines. Which one, or what shall I look for? (quit)\n", path, count);
    while (fgets(question, sizeof(question), stdin)) {
        question[strcspn(question, "\r\n")] = '\0';
        if (!strcmp(question, "quit"))
            break;
        if (*question)
            answer(question);
    }
    puts("bye");
    return 0;
}
