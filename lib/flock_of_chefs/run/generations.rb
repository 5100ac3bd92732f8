# frozen_string_literal: true

require_relative "files"

module FlockOfChefs
  module Run
    # The folder of snapshots: which generation is current, how a new one takes its place, what may go.
    #
    # +current+ is written last, so a reader that follows it finds a complete generation.
    class Generations
      # A worker that compiles the previous generation while a run ends must still find its files.
      KEPT = 2

      # @return [String] the folder +data_dir/snapshots+
      attr_reader :root

      # @param data_dir [String]
      def initialize(data_dir)
        @root = Files.directory(File.join(data_dir, "snapshots"))
      end

      # @return [Integer, nil] the number of the last successful run
      def current
        Integer(File.read(File.join(root, "current")).strip, 10, exception: false)
      rescue Errno::ENOENT
        nil
      end

      # @param number [Integer]
      # @return [String] the folder of that generation
      def path(number) = File.join(root, number.to_s)

      # Builds a generation in the given block and makes it current.
      #
      # @yieldparam folder [String] where its files are to be written
      # @return [Integer] number
      def publish(number)
        building = Files.directory(File.join(root, ".new-#{number}"))
        yield building
        Files.sync_directory(building)
        FileUtils.rm_rf(path(number))
        File.rename(building, path(number))
        Files.sync_directory(root)
        Files.replace(File.join(root, "current"), number.to_s)
        number
      end

      # Runs the block unless another run of this node is saving at this moment (a local-mode run and a server-mode run
      # have different run locks).
      #
      # @return [Object, nil] what the block returns; nil when another run is saving
      def exclusively
        File.open(File.join(root, ".lock"), File::RDWR | File::CREAT, 0o600) do |lock|
          yield if lock.flock(File::LOCK_EX | File::LOCK_NB)
        end
      end

      # Removes all but the newest generations.
      #
      # @return [Array<String>] the folders that remain
      def prune
        numbers = Dir.children(root).grep(/\A\d+\z/).map(&:to_i)
        newest = current.to_i
        kept = numbers.select { |number| number <= newest }.max(KEPT)
        FileUtils.rm_rf((numbers - kept).map { |number| path(number) } + Dir.glob(File.join(root, ".new-*")))
        kept.map { |number| path(number) }
      end
    end
  end
end
