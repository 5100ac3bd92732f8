# frozen_string_literal: true

require "digest"
require_relative "files"

module FlockOfChefs
  module Run
    # Files named by the SHA-256 sum of what they hold, each content once: +files/aa/sum+.
    class ContentStore
      # @param root [String] the folder of snapshots
      def initialize(root)
        @root = root
      end

      # Stores what is not there yet; durable when it returns.
      #
      # @param contents [Array<String>]
      # @return [Array<String>] their sums, in the same order
      def keep(contents)
        sums = contents.map { |content| Digest::SHA256.hexdigest(content) }
        fresh = sums.zip(contents).uniq(&:first).reject { |sum, _| File.exist?(path(sum)) }
        fresh.each { |sum, content| write(temporary(sum), content) }
        publish(fresh.map(&:first))
        sums
      end

      # Gives a content another name.
      def link(sum, to)
        Files.directory(File.dirname(to))
        File.link(path(sum), to)
      rescue NotImplementedError, Errno::EPERM, Errno::EMLINK, Errno::ENOTSUP # a file system without hard links
        FileUtils.cp(path(sum), to, preserve: true)
      end

      # Removes contents that have no other name.
      def collect
        Dir.glob(File.join(@root, "files", "*", "*")).each { |path| File.unlink(path) if File.lstat(path).nlink == 1 }
      end

      private

      def publish(sums)
        Files.sync_all(sums.map { |sum| temporary(sum) })
        sums.each { |sum| File.rename(temporary(sum), path(sum)) }
        sums.map { |sum| File.dirname(path(sum)) }.uniq.each { |folder| Files.sync_directory(folder) }
      end

      def write(path, content)
        Files.directory(File.dirname(path))
        File.open(path, File::WRONLY | File::CREAT | File::TRUNC | File::BINARY, 0o600) { |file| file.write(content) }
      end

      def path(sum) = File.join(@root, "files", sum[0, 2], sum)

      def temporary(sum) = "#{path(sum)}.#{Process.pid}.tmp"
    end
  end
end
