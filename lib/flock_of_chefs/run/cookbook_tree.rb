# frozen_string_literal: true

require "digest"
require_relative "files"

module FlockOfChefs
  module Run
    # One cookbook as it was in this run, and its copy.
    class CookbookTree
      NAME = /\A[A-Za-z0-9_][\w.-]*\z/
      # Ohai plugins ran in the run, and their data are in the snapshot; a worker must not run them again.
      LEFT_OUT = "ohai/"

      # @return [String] the cookbook's name
      attr_reader :name

      # @param cookbook [Chef::CookbookVersion]
      # @param root [String] the folder of snapshots
      def initialize(cookbook, root)
        @cookbook = cookbook
        @root = root
        @name = cookbook.name.to_s
        raise InternalError, "the cookbook name #{name.inspect} cannot be a folder name" unless NAME.match?(name)
      end

      # @return [Array(String, Integer)] what changes when any file changes, and the time of the newest change in
      #   seconds
      def fingerprint
        newest = 0
        lines = files.map do |relative, path|
          stat = File.stat(path)
          # Whatever changes a file's content or its other times also changes this one, which nobody can set.
          changed = stat.ctime
          newest = changed.to_i if changed.to_i > newest
          "#{relative}\0#{stat.ino} #{stat.size} #{changed.to_i} #{changed.nsec}\n"
        end
        [Digest::SHA256.hexdigest(lines.join), newest]
      end

      # Copies what is not there yet.
      #
      # @return [String] the digest that names the tree
      def store
        contents = files.transform_values { |path| File.binread(path) }
        contents["metadata.json"] ||= @cookbook.metadata.to_json
        sums = contents.transform_values { |content| Digest::SHA256.hexdigest(content) }
        digest = Digest::SHA256.hexdigest(sums.sort.flatten.join("\0"))
        keep(contents, sums)
        build(digest, sums)
        digest
      end

      private

      # Only what Chef itself counts as the cookbook's files: a legacy solo run uses the user's own folder, .git and
      # all.
      def files
        @files ||= begin
          prefix = "#{@cookbook.root_dir}/"
          found = {}
          @cookbook.each_file { |record| add(found, record["full_path"], prefix) }
          found.sort.to_h # Chef fetches them in no certain order
        end
      end

      def add(found, path, prefix)
        return unless path&.start_with?(prefix)

        relative = path.delete_prefix(prefix)
        found[relative] = path unless relative.start_with?(LEFT_OUT) || !File.exist?(path)
      end

      def keep(contents, sums)
        fresh = contents.to_h do |relative, content|
          [sums[relative], content]
        end.reject { |sum, _| File.exist?(blob(sum)) }
        fresh.each { |sum, content| write(temporary(sum), content) }
        Files.sync_all(fresh.keys.map { |sum| temporary(sum) })
        fresh.each_key { |sum| File.rename(temporary(sum), blob(sum)) }
        fresh.keys.map { |sum| File.dirname(blob(sum)) }.uniq.each { |folder| Files.sync_directory(folder) }
      end

      def write(path, content)
        Files.directory(File.dirname(path))
        File.open(path, File::WRONLY | File::CREAT | File::TRUNC | File::BINARY, 0o600) { |file| file.write(content) }
      end

      def build(digest, sums)
        final = File.join(@root, "trees", digest)
        return if File.directory?(final)

        building = File.join(@root, "trees", ".new-#{digest}")
        FileUtils.rm_rf(building)
        Files.directory(building)
        sums.each { |relative, sum| link(blob(sum), File.join(building, relative)) }
        Dir.glob(File.join(building, "**/"), File::FNM_DOTMATCH).each { |folder| Files.sync_directory(folder) }
        File.rename(building, final)
        Files.sync_directory(File.dirname(final))
      end

      def link(from, to)
        Files.directory(File.dirname(to))
        File.link(from, to)
      rescue NotImplementedError, Errno::EPERM, Errno::EMLINK, Errno::ENOTSUP # a file system without hard links
        FileUtils.cp(from, to, preserve: true)
      end

      def blob(sum) = File.join(@root, "files", sum[0, 2], sum)

      def temporary(sum) = "#{blob(sum)}.#{Process.pid}.tmp"
    end
  end
end
