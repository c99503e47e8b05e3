/* Stands in for the program of an image: "run" waits for a signal, "job" ends well, "probe" is a healthcheck that passes. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  const char *mode = count > 1 ? words[1] : "run";
  if (strcmp(mode, "run") != 0) {
    if (strcmp(mode, "job") == 0) usleep(300000);
    return 0;
  }
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  for (;;) {
    int got = 0;
    if (sigwait(&all, &got) != 0) continue;
    if (got == SIGCHLD) while (waitpid(-1, NULL, WNOHANG) > 0) {}
    if (got == SIGTERM || got == SIGINT || got == SIGQUIT || got == SIGHUP) return 0;
  }
}
