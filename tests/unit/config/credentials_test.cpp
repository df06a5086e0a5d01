#include "config/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/config/support.h"

namespace roktcached::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CredentialsTest : public testing::Test {
 protected:
  /// Where the app id comes from is what a test is about; the app secret is always there.
  Result<void> load_id(Variables variables) {
    variables.emplace("ROKT_APP_SECRET", "the-secret");
    return load_credential(credential_, environment_of(std::move(variables)));
  }
  std::string refusal(Variables variables) {
    const auto loaded = load_id(std::move(variables));
    if (loaded) return "accepted";
    EXPECT_EQ(loaded.error().code, ErrorCode::configuration);
    EXPECT_EQ(loaded.error().context.find('\n'), std::string::npos);
    return loaded.error().context;
  }

  TemporaryFolder folder_;
  Credential credential_;
};

TEST_F(CredentialsTest, ComeFromTheEnvironment) {
  ASSERT_TRUE(load_id({{"ROKT_APP_ID", "the-id"}}));
  EXPECT_EQ(credential_.app_id.reveal(), "the-id");
  EXPECT_EQ(credential_.app_secret.reveal(), "the-secret");
}

TEST_F(CredentialsTest, ComeFromFiles) {
  credential_.app_id_file = folder_.write("id", "the-id\n");
  credential_.app_secret_file = folder_.write("secret", "file:secret");
  const auto loaded = load_credential(credential_, environment_of({}));
  ASSERT_TRUE(loaded) << loaded.error().context;
  EXPECT_EQ(credential_.app_id.reveal(), "the-id");
  EXPECT_EQ(credential_.app_secret.reveal(), "file:secret") << "a secret may have a colon";
}

TEST_F(CredentialsTest, ComeFromSystemd) {
  folder_.write("rokt_app_id", "the-id\n");
  folder_.write("rokt_app_secret", "systemd-secret\n");
  const auto loaded =
      load_credential(credential_, environment_of({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}));
  ASSERT_TRUE(loaded) << loaded.error().context;
  EXPECT_EQ(credential_.app_id.reveal(), "the-id");
  EXPECT_EQ(credential_.app_secret.reveal(), "systemd-secret");
}

TEST_F(CredentialsTest, TheFileComesBeforeTheEnvironmentAndTheEnvironmentBeforeSystemd) {
  folder_.write("rokt_app_id", "from-systemd");
  const std::string systemd = folder_.path().string();
  credential_.app_id_file = folder_.write("id", "from-file");
  ASSERT_TRUE(load_id({{"ROKT_APP_ID", "from-environment"}, {"CREDENTIALS_DIRECTORY", systemd}}));
  EXPECT_EQ(credential_.app_id.reveal(), "from-file");
  credential_.app_id_file.clear();
  ASSERT_TRUE(load_id({{"ROKT_APP_ID", "from-environment"}, {"CREDENTIALS_DIRECTORY", systemd}}));
  EXPECT_EQ(credential_.app_id.reveal(), "from-environment");
  ASSERT_TRUE(load_id({{"CREDENTIALS_DIRECTORY", systemd}}));
  EXPECT_EQ(credential_.app_id.reveal(), "from-systemd");
}

TEST_F(CredentialsTest, ASystemdCredentialOfItsNameComesBeforeThePlainOne) {
  folder_.write("rokt_app_id", "plain");
  folder_.write("rokt_app_id_default", "of-its-name");
  folder_.write("rokt_app_id_other", "of-another");
  ASSERT_TRUE(load_id({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}));
  EXPECT_EQ(credential_.app_id.reveal(), "of-its-name");
}

TEST_F(CredentialsTest, OnlyTheFirstHasWhatNamesNoCredential) {
  folder_.write("rokt_app_id", "plain");
  folder_.write("rokt_app_secret", "plain");
  credential_.name = "emea";
  credential_.is_first = false;
  EXPECT_THAT(refusal({{"ROKT_APP_ID", "the-id"}, {"CREDENTIALS_DIRECTORY", folder_.path().string()}}),
              AllOf(HasSubstr("no app id of credential \"emea\""), HasSubstr("credential.app_id_file"),
                    HasSubstr("rokt_app_id_emea"), Not(HasSubstr("the-id"))));
  folder_.write("rokt_app_id_emea", "emea-id");
  EXPECT_THAT(refusal({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}),
              AllOf(HasSubstr("no app secret of credential \"emea\""), HasSubstr("rokt_app_secret_emea")));
  folder_.write("rokt_app_secret_emea", "emea-secret");
  ASSERT_TRUE(load_id({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}));
  EXPECT_EQ(credential_.app_id.reveal(), "emea-id");
  EXPECT_EQ(credential_.app_secret.reveal(), "emea-secret");
}

TEST_F(CredentialsTest, ASystemdCredentialThatCannotBeReadIsNotPassedOver) {
  folder_.write("rokt_app_id", "plain");
  ASSERT_EQ(::mkdir((folder_.path() / "rokt_app_id_default").c_str(), 0700), 0);
  EXPECT_THAT(refusal({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}),
              AllOf(HasSubstr("rokt_app_id_default"), HasSubstr("not a regular file")));
}

TEST_F(CredentialsTest, SecretsThatWereChangedInPlaceAreTakenOver) {
  credential_.app_id_file = folder_.write("id", "old-id");
  ASSERT_TRUE(load_id({}));
  folder_.write("id", "new-id");
  ASSERT_TRUE(load_id({}));
  EXPECT_EQ(credential_.app_id.reveal(), "new-id");
}

/// A credential for these accounts.
Credential credential_of(std::vector<std::string> accounts) {
  Credential credential;
  credential.accounts = std::move(accounts);
  return credential;
}

TEST(CredentialFor, IsTheFirstThatListsTheAccountOrNone) {
  const std::vector<Credential> credentials = {credential_of({"1", "2"}), credential_of({"2", "3"}),
                                               credential_of({})};
  EXPECT_EQ(credential_for(credentials, "1"), 0U);
  EXPECT_EQ(credential_for(credentials, "2"), 0U) << "the first of two";
  EXPECT_EQ(credential_for(credentials, "3"), 1U);
  EXPECT_EQ(credential_for(credentials, "12"), 2U);
  EXPECT_EQ(credential_for(credentials, ""), 2U) << "a route without an account";
}

TEST(CredentialFor, IsNoneWhereEachListsOthers) {
  const std::vector<Credential> credentials = {credential_of({"1"}), credential_of({"2"})};
  EXPECT_EQ(credential_for(credentials, "3"), std::nullopt);
  EXPECT_EQ(credential_for(credentials, ""), std::nullopt);
  EXPECT_EQ(credential_for({}, "1"), std::nullopt);
}

TEST_F(CredentialsTest, WithoutAnyTheThreeWaysAreListed) {
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("app id"), HasSubstr("ROKT_APP_ID"), HasSubstr("app_id_file"),
                                 HasSubstr("rokt_app_id")));
  EXPECT_TRUE(credential_.app_secret.empty()) << "half a credential is none";
  const auto without_secret = load_credential(credential_, environment_of({{"ROKT_APP_ID", "the-id"}}));
  ASSERT_FALSE(without_secret);
  EXPECT_THAT(without_secret.error().context,
              AllOf(HasSubstr("app secret"), HasSubstr("ROKT_APP_SECRET"), HasSubstr("app_secret_file"),
                    HasSubstr("rokt_app_secret")));
  EXPECT_TRUE(credential_.app_id.empty());
}

TEST_F(CredentialsTest, OneLineBreakAtTheEndIsDropped) {
  for (const char* content : {"the-id", "the-id\n", "the-id\r\n"}) {
    credential_.app_id_file = folder_.write("id", content);
    ASSERT_TRUE(load_id({})) << content;
    EXPECT_EQ(credential_.app_id.reveal(), "the-id");
  }
  credential_.app_id_file = folder_.write("id", "the-id\n\n");
  EXPECT_THAT(refusal({}), HasSubstr("visible ASCII"));
}

TEST_F(CredentialsTest, WhatAnEditorOnWindowsPutsAroundASecretIsDropped) {
  credential_.app_id_file = folder_.write("id", "\xEF\xBB\xBFthe-id\r\n");
  ASSERT_TRUE(load_id({}));
  EXPECT_EQ(credential_.app_id.reveal(), "the-id");
  credential_.app_id_file = folder_.write("id", "\xEF\xBB\xBF" + std::string(4096, 'x') + "\r\n");
  ASSERT_TRUE(load_id({})) << "neither counts for its length";
  credential_.app_id_file = folder_.write("id", "\xEF\xBB\xBF\r\n");
  EXPECT_THAT(refusal({}), HasSubstr("empty"));
  credential_.app_id_file = folder_.write("id", std::string_view("\xFF\xFEt\0h\0e\0", 8));
  EXPECT_THAT(refusal({}), AllOf(HasSubstr(credential_.app_id_file), HasSubstr("UTF-16")));
}

TEST_F(CredentialsTest, AnEmptyValueIsRefused) {
  EXPECT_THAT(refusal({{"ROKT_APP_ID", ""}}), AllOf(HasSubstr("$ROKT_APP_ID"), HasSubstr("empty")));
  for (const char* content : {"", "\n"}) {
    credential_.app_id_file = folder_.write("id", content);
    EXPECT_THAT(refusal({}), AllOf(HasSubstr(credential_.app_id_file), HasSubstr("empty")));
  }
}

TEST_F(CredentialsTest, ALongValueIsRefused) {
  ASSERT_TRUE(load_id({{"ROKT_APP_ID", std::string(4096, 'x')}}));
  EXPECT_THAT(refusal({{"ROKT_APP_ID", std::string(4097, 'x')}}), HasSubstr("4096 bytes"));
  credential_.app_id_file = folder_.write("id", std::string(4096, 'x') + "\r\n");
  ASSERT_TRUE(load_id({})) << "the line break does not count";
  EXPECT_EQ(credential_.app_id.reveal().size(), 4096U);
  for (const std::size_t size : {4097U, 4098U, 4099U, 100'000U}) {
    credential_.app_id_file = folder_.write("id", std::string(size, 'x'));
    EXPECT_THAT(refusal({}), HasSubstr("is longer than")) << size;
  }
}

TEST_F(CredentialsTest, CharactersThatAHeaderCannotCarryAreRefused) {
  for (const std::string value :
       {"a b", "a\tb", "a\nb", "a\rb", "a\x7f", "a\x01", "caf\xc3\xa9", " a", "a "}) {
    EXPECT_THAT(refusal({{"ROKT_APP_ID", value}}),
                AllOf(HasSubstr("$ROKT_APP_ID"), HasSubstr("visible ASCII")))
        << value;
  }
  credential_.app_id_file = folder_.write("id", std::string_view("a\0b", 3));
  EXPECT_THAT(refusal({}), HasSubstr("visible ASCII"));
}

// RFC 7617, section 2: the first colon of user-pass ends the user-id.
TEST_F(CredentialsTest, AnAppIdHasNoColon) {
  EXPECT_THAT(refusal({{"ROKT_APP_ID", "a:b"}}), AllOf(HasSubstr("$ROKT_APP_ID"), HasSubstr("':'")));
}

TEST_F(CredentialsTest, NoRefusalRepeatsTheValue) {
  for (const std::string value : {"hunter2 x", "hunter2:x", "hunter2\n\n"}) {
    EXPECT_THAT(refusal({{"ROKT_APP_ID", value}}), Not(HasSubstr("hunter2")));
  }
}

TEST_F(CredentialsTest, AFileThatOthersCanReadIsRefusedWithItsMode) {
  credential_.app_id_file = folder_.write("id", "the-id");
  for (const auto& [mode, text] : std::initializer_list<std::pair<mode_t, const char*>>{
           {0644, "0644"}, {0604, "0604"}, {0620, "0620"}, {0666, "0666"}}) {
    ASSERT_EQ(::chmod(credential_.app_id_file.c_str(), mode), 0);
    EXPECT_THAT(refusal({}), AllOf(HasSubstr(credential_.app_id_file), HasSubstr(text), HasSubstr("0600")));
  }
  for (const mode_t mode : {0600U, 0400U}) {
    ASSERT_EQ(::chmod(credential_.app_id_file.c_str(), mode), 0);
    EXPECT_TRUE(load_id({})) << mode;
  }
}

TEST_F(CredentialsTest, SystemdsOwnFolderMayBeReadByItsGroup) {
  const std::string file = folder_.write("rokt_app_id", "the-id");
  ASSERT_EQ(::chmod(file.c_str(), 0440), 0);
  EXPECT_TRUE(load_id({{"CREDENTIALS_DIRECTORY", folder_.path().string()}}));
}

TEST_F(CredentialsTest, AFileThatIsNotThereIsNamedWithItsKey) {
  credential_.app_id_file = folder_.path() / "missing";
  EXPECT_THAT(refusal({}), AllOf(HasSubstr("credential.app_id_file"), HasSubstr(credential_.app_id_file),
                                 HasSubstr("No such file")));
  credential_.app_id_file = folder_.path();
  EXPECT_THAT(refusal({}), HasSubstr("not a regular file"));
  credential_.app_id_file = "/dev/null";
  EXPECT_THAT(refusal({}), HasSubstr("not a regular file"));
}

// A pipe that nobody writes to would hold the start for ever.
TEST_F(CredentialsTest, APipeIsRefusedAtOnce) {
  credential_.app_id_file = folder_.path() / "pipe";
  ASSERT_EQ(::mkfifo(credential_.app_id_file.c_str(), 0600), 0);
  EXPECT_THAT(refusal({}), HasSubstr("not a regular file"));
}

TEST_F(CredentialsTest, AFailureLeavesTheOldOnesInPlace) {
  credential_.app_id = Secret("old-id");
  credential_.app_secret = Secret("old-secret");
  ASSERT_FALSE(load_id({{"ROKT_APP_ID", ""}}));
  ASSERT_FALSE(load_credential(credential_, environment_of({{"ROKT_APP_ID", "new-id"}})));
  EXPECT_EQ(credential_.app_id.reveal(), "old-id");
  EXPECT_EQ(credential_.app_secret.reveal(), "old-secret");
}

TEST_F(CredentialsTest, TheAdminTokenComesFromAFileThatOthersCannotRead) {
  Admin admin;
  ASSERT_TRUE(load_admin_token(admin));
  EXPECT_TRUE(admin.token.empty()) << "none is configured";
  admin.token_file = folder_.write("token", "0123456789abcdef\n");
  ASSERT_TRUE(load_admin_token(admin));
  EXPECT_EQ(admin.token.reveal(), "0123456789abcdef");
  ::chmod(admin.token_file.c_str(), 0644);
  const auto readable = load_admin_token(admin);
  ASSERT_FALSE(readable);
  EXPECT_THAT(readable.error().context, AllOf(HasSubstr("admin.token_file"), HasSubstr("0644")));
}

TEST_F(CredentialsTest, AnAdminTokenThatCanBeGuessedIsRefused) {
  for (const char* token : {"", "short", "0123456789abcde", "0123456789 abcdef"}) {
    Admin admin;
    admin.token_file = folder_.write("token", token);
    const auto loaded = load_admin_token(admin);
    ASSERT_FALSE(loaded) << token;
    EXPECT_EQ(loaded.error().code, ErrorCode::configuration);
    EXPECT_THAT(loaded.error().context, HasSubstr(admin.token_file));
  }
}

}  // namespace
}  // namespace roktcached::config
