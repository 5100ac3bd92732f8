# frozen_string_literal: true

require "digest"
require_relative "content_store"
require_relative "files"

module FlockOfChefs
  module Run
    # One cookbook as it was in this run, and its copy.
    class CookbookTree
      # Names that are safe as a folder's.
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
        @contents = ContentStore.new(root)
        @name = cookbook.name.to_s
        raise InternalError, "the cookbook name #{name.inspect} cannot be a folder name" unless NAME.match?(name)
      end

      # @return [Array(String, Integer)] what changes when any file does, and when the newest did (in seconds)
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
        # Evaluating metadata.rb again, away from where it was written, may give something else.
        contents["metadata.json"] ||= @cookbook.metadata.to_json
        sums = contents.keys.zip(@contents.keep(contents.values)).sort
        Digest::SHA256.hexdigest(sums.join("\0")).tap { |digest| build(digest, sums) }
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

      def build(digest, sums)
        final = File.join(@root, "trees", digest)
        return if File.directory?(final)

        building = File.join(@root, "trees", ".new-#{digest}")
        FileUtils.rm_rf(building)
        Files.directory(building)
        sums.each { |relative, sum| @contents.link(sum, File.join(building, relative)) }
        Dir.glob(File.join(building, "**/"), File::FNM_DOTMATCH).each { |folder| Files.sync_directory(folder) }
        File.rename(building, final)
        Files.sync_directory(File.dirname(final))
      end
    end
  end
end
