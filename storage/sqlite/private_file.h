#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/descriptor.h"
#include "core/error.h"

namespace roktcached::storage {

/// Where lines for the operator go. Called from the store's threads.
using OperatorLog = std::function<void(std::string_view)>;

/// The file that a name led to: another look tells whether it still leads there.
struct FileIdentity {
  dev_t device{};
  ino_t inode{};
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// A call on `path` that failed with this errno. Retryable where it may succeed later by itself.
[[nodiscard]] Error file_error(const std::string& path, int number);

struct PrivateFile {
  Descriptor descriptor;
  FileIdentity identity;
};

enum class Missing { make, refuse };

/// The files of the cache belong to this process's user, and nobody else reads or writes them. These
/// functions refuse what could be somebody else's trap. Whoever can write to the folder, or owns the file, or
/// has made its name lead elsewhere, could read the reports, change their numbers, or have us write over
/// another file. All return storage_unavailable, with one line that says the path, what was found and what is
/// accepted.

/// Makes the folder where it is missing; each level that is made has mode 0700. Accepted: a directory of
/// root's or of the process's own user, to which nobody else may write unless it is sticky; see
/// is_private_group.
/// @return its name without symlinks, so that nothing on the way can be exchanged for a symlink later
[[nodiscard]] Result<std::string> private_folder(const std::string& folder);

/// Whether we can make files in a folder. Tries it, with a file that has no name: the permissions do not tell
/// of a file system that takes none.
/// @return 0, or the errno of why not
[[nodiscard]] int error_of_making_files_in(const std::string& folder);

/// Refuses the folder of the file `path` where private_folder would, where it cannot be made, and where we
/// cannot write to it; makes nothing.
/// @return its name without symlinks; empty if it is to be made
[[nodiscard]] Result<std::string> check_folder_of(const std::string& path);

/// Refuses what `path` must not be, without opening it.
/// @return whether there is a file
[[nodiscard]] Result<bool> check_private_file(const std::string& path);

/// Opens a regular file of the process's own user with one name. If it makes one, that has mode 0600,
/// whatever the umask. A file that others can read, but not write to, is still ours: its mode is set to 0600,
/// and `report` says so, because a cache that was copied or restored must not stop the daemon. The same holds
/// if a group can write to it that is ours alone, as Kubernetes leaves it. A file that others can write to
/// may hold anything, and is refused.
[[nodiscard]] Result<PrivateFile> open_private_file(const std::string& path, Missing missing,
                                                    const OperatorLog& report);

/// Where a name leads now that has led to a file.
enum class LeadsTo { same, nothing, folder, other, unknown };
/// A symlink is another file. Unknown: the system could not tell now.
[[nodiscard]] LeadsTo where_leads(const std::string& path, const FileIdentity& identity);
/// Empty if there is nothing, or the system could not tell.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& path);
/// Whether `path` still leads to that file, and not by way of a symlink.
[[nodiscard]] bool leads_to(const std::string& path, const FileIdentity& identity);

}  // namespace roktcached::storage
