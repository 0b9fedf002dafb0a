// A folder for channels of one test, gone with everything in it afterwards.
#ifndef TESTS_CPP_FOLDER_HPP
#define TESTS_CPP_FOLDER_HPP

#include <cstdlib>
#include <filesystem>
#include <string>

class folder {
  public:
    folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "leat-cpp-XXXXXX").string();
        path_ = mkdtemp(name.data());
        setenv("LEAT_SHM_DIR", path_.c_str(), 1);
    }
    ~folder()
    {
        std::filesystem::remove_all(path_);
    }
    folder(const folder &) = delete;
    folder &operator=(const folder &) = delete;

    const std::string &path() const
    {
        return path_;
    }

  private:
    std::string path_;
};

#endif
