#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

namespace check {

namespace {

Test* first = nullptr;
Test** last = &first;
std::atomic<int> failures{0};

}  // namespace

Test::Test(const char* family, const char* name, void (*run)()) : family(family), name(name), run(run), next(nullptr) {
  *last = this;
  last = &next;
}

void report(const char* file, int line, const std::string& what) {
  ++failures;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
}

bool passes_in_child(const std::function<void()>& body, double seconds) {
  int ends[2];
  if (pipe(ends) != 0) {
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    failures = 0;
    try {
      body();
    } catch (...) {
      ++failures;
    }
    _exit(failures == 0 ? 0 : 1);
  }
  // The child's end closes its copy of the pipe.
  close(ends[1]);
  pollfd end = {ends[0], POLLIN, 0};
  if (poll(&end, 1, int(seconds * 1e3)) == 0) {
    kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool threads_start_in_children() {
  static const bool known = [] {
    if (kThreadSanitizer) {
      return false;
    }
    std::atomic<bool> stop{false};
    std::thread other([&] {
      while (!stop) {
        std::this_thread::yield();
      }
    });
    const bool passed = passes_in_child([] { std::thread([] {}).join(); }, 5);
    stop = true;
    other.join();
    return passed;
  }();
  return known;
}

int thread_count() {
  DIR* tasks = opendir("/proc/self/task");
  int count = 0;
  while (const dirent* entry = readdir(tasks)) {
    count += entry->d_name[0] != '.';
  }
  closedir(tasks);
  return count;
}

namespace {

// True when the test passed or was skipped.
bool run_one(const Test& test) {
  failures = 0;
  const auto start = std::chrono::steady_clock::now();
  std::string outcome = "ok";
  try {
    test.run();
  } catch (const Skipped& skipped) {
    outcome = "skipped: " + skipped.reason;
  } catch (const std::exception& error) {
    report(test.name, 0, std::string("unexpected exception: ") + error.what());
  }
  if (failures > 0) {
    outcome = "FAILED";
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%-8s %-44s %6.2f s  %s\n", test.family, test.name, took.count(), outcome.c_str());
  std::fflush(stdout);
  return failures == 0;
}

int run_family(const char* family) {
  int run = 0, failed = 0;
  for (const Test* test = first; test != nullptr; test = test->next) {
    if (family == nullptr || std::strcmp(family, test->family) == 0) {
      ++run;
      failed += !run_one(*test);
    }
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return run > 0 && failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace check

int main(int argc, char** argv) { return check::run_family(argc > 1 ? argv[1] : nullptr); }
