# frozen_string_literal: true

require "fileutils"

module FlockOfChefs
  module Run
    # Files that survive a power cut: written beside their name, synced, renamed. Directories are 0700, files 0600.
    module Files
      # From so many new files on, their whole file system is synced.
      MANY = 32

      module_function

      # @param path [String] made with its parents, 0700
      # @return [String] path
      def directory(path)
        FileUtils.mkdir_p(path, mode: 0o700)
        path
      end

      # Writes and syncs, or leaves nothing; the name itself is durable only after {sync_directory} of the parent.
      #
      # @param path [String]
      # @param data [String]
      def write(path, data)
        temporary = "#{path}.#{Process.pid}.tmp"
        File.open(temporary, File::WRONLY | File::CREAT | File::TRUNC | File::BINARY, 0o600) do |file|
          file.write(data)
          file.fsync
        end
        File.rename(temporary, path)
      rescue SystemCallError
        FileUtils.rm_f(temporary)
        raise
      end

      # Like {write}, and durable when it returns.
      def replace(path, data)
        write(path, data)
        sync_directory(File.dirname(path))
      end

      # Makes the contents of many new files durable. Above a few, one sync of their file system is far cheaper than one
      # per file (coreutils' +sync+; where there is none, one per file it is).
      #
      # @param paths [Array<String>]
      def sync_all(paths)
        return if paths.size > MANY && system("sync", "-f", paths.first, out: File::NULL, err: File::NULL)

        paths.each { |path| File.open(path, &:fsync) }
      end

      # Makes the names in a directory durable. File systems that cannot sync a directory are left to their own ways.
      def sync_directory(path)
        File.open(path, &:fsync)
      rescue Errno::EINVAL, Errno::EBADF
        nil
      end
    end
  end
end
