#pragma once

#include "storage/sqlite_handle.h"

namespace roktcached::storage {

/// Teaches SQLite, for the whole process, to read promptly where it is told to. Before any thread reads.
/// @return false where this SQLite cannot learn it: it would wait
[[nodiscard]] bool teach_prompt_reads();

/// While it lives, a statement on this connection and thread waits for nothing: a page that the kernel does
/// not have in memory, and a lock that somebody holds, are its errors. They say nothing about the file; the
/// statement is repeated where it may wait. For reading alone, after teach_prompt_reads.
class PromptReads {
 public:
  explicit PromptReads(Connection& connection);
  ~PromptReads();
  PromptReads(const PromptReads&) = delete;
  PromptReads& operator=(const PromptReads&) = delete;

 private:
  Connection& connection_;
};

}  // namespace roktcached::storage
